ALTER TABLE `hosts` ADD `wait_until` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
-- A mirror whose layout.conf could not be had for a moment was taken to be flat, and to lack what it was then asked for in vain.
DELETE FROM `mirror_layouts` WHERE layout_conf = '';
--> statement-breakpoint
DELETE FROM `mirror_answers` WHERE found = 0;
