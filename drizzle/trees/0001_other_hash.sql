ALTER TABLE `dist_entries` ADD `other_hash` text;--> statement-breakpoint
-- Read again the Manifests that have lines without a hash so far.
UPDATE `manifests` SET `stamp` = '' WHERE `id` IN (SELECT `manifest_id` FROM `dist_entries` WHERE `blake2b` IS NULL AND `sha512` IS NULL);
