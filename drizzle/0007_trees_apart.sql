DROP TABLE `dist_entries`;--> statement-breakpoint
DROP TABLE `manifests`;