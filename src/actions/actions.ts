/**
 * Creates the actions. Most run once at a time: two clean-ups at once would each report half.
 */
import {
  type Action,
  ActionError,
  type ActionOptions,
  type Actions,
  type KeptActions,
  type Upload,
} from "../api/actions.ts";
import type { FileName } from "../distfile/mirror-path.ts";
import type { RemovalReason } from "../distfile/reporting.ts";
import type { WantedBy } from "../distfile/wanted-by.ts";
import type { Eviction } from "../eviction/evict.ts";
import type { FileRows } from "../index/files.ts";
import type { RepositoryRows } from "../index/repositories.ts";
import type { ConfiguredRepositories } from "../repos/repositories.ts";
import { namesOfUris } from "../repos/uri-names.ts";
import type { Resolver } from "../resolver/resolver.ts";
import type { Store } from "../store/store.ts";
import { createClean } from "./clean.ts";
import { createDismiss, type DismissDeps } from "./dismiss.ts";
import { createDrop } from "./drop.ts";
import { createFetch, type FetchDeps } from "./fetch.ts";
import { createImport, type ImportDeps } from "./import.ts";
import { createKeptActions } from "./kept-actions.ts";
import { createRescan } from "./rescan.ts";
import { createUpload, type UploadDeps } from "./upload.ts";
import { createVerifyAction } from "./verify.ts";
import type { Verify } from "./verify-files.ts";

export interface ActionDeps {
  readonly lookup: FetchDeps["lookup"];
  readonly flights: FetchDeps["flights"];
  readonly store: Store;
  readonly rows: FileRows;
  readonly storedFiles: ImportDeps["storedFiles"];
  readonly hasher: UploadDeps["hasher"];
  readonly inUse: UploadDeps["inUse"];
  readonly room: UploadDeps["room"];
  readonly onStoreTrouble: UploadDeps["onStoreTrouble"];
  readonly importWorkerUrl: string;
  readonly clock: ImportDeps["clock"];
  readonly wantedBy: (name: FileName) => readonly WantedBy[];
  readonly eviction: Pick<Eviction, "clean" | "spareBytes">;
  readonly verify: Pick<Verify, "all">;
  readonly failures: DismissDeps["failures"];
  readonly configuredRepositories: ConfiguredRepositories;
  readonly resolver: Pick<Resolver, "filesOfVersion">;
  readonly entriesOf: RepositoryRows["entriesOf"];
  readonly maxDownloads: () => number;
  /** Resolves when the repositories are known as they are on disk. */
  readonly refreshRepositories: (known: boolean) => Promise<unknown>;
  /** Called when the repositories may have changed. */
  readonly onRepositoriesChanged: () => void;
  readonly onRemoved: (name: FileName, reason: RemovalReason) => void;
}

export interface CreatedActions {
  readonly actions: Actions;
  readonly kept: KeptActions;
  readonly upload: Upload;
  /** Ends the actions and uploads under way for this reason, and lets none start. */
  stop(reason: string): void;
}

/** Returns the action such that `stopping` ends it as well. */
function stoppable<Request, Report>(action: Action<Request, Report>, stopping: AbortSignal): Action<Request, Report> {
  return async (request, { onProgress, signal }: ActionOptions) => {
    stopping.throwIfAborted();
    return await action(request, { onProgress, signal: AbortSignal.any([signal, stopping]) });
  };
}

/** Returns the action such that it refuses to run twice at once. */
function single<Request, Report>(name: string, action: Action<Request, Report>): Action<Request, Report> {
  let running = false;
  return async (request, run) => {
    if (running) throw new ActionError(409, `Cannot start ${name}: it is already running`);
    running = true;
    try {
      return await action(request, run);
    } finally {
      running = false;
    }
  };
}

function fetchDeps(parts: ActionDeps): FetchDeps {
  const { lookup, flights, wantedBy, configuredRepositories, resolver, entriesOf } = parts;
  const repositories = () => configuredRepositories.discovered().repositories;
  return {
    lookup,
    flights,
    maxDownloads: parts.maxDownloads,
    repositoriesReady: () => parts.refreshRepositories(false),
    sizeOf: (name) => wantedBy(name)[0]?.entry.size,
    repositories,
    wantedBy,
    entriesOf: (location, category, name) => [...entriesOf(location, category, name).values()],
    filesOfVersion: resolver.filesOfVersion,
    namesOfUris: (uris, signal) => namesOfUris(repositories(), uris, signal),
  };
}

export function createActions(parts: ActionDeps): CreatedActions {
  const stopping = new AbortController();
  const { signal } = stopping;
  const kept = createKeptActions(parts.clock);
  const { store, rows, storedFiles, clock, wantedBy, eviction, verify, configuredRepositories } = parts;
  const repositoriesReady = () => parts.refreshRepositories(false);
  const importDeps = {
    store,
    rows,
    storedFiles,
    workerUrl: parts.importWorkerUrl,
    clock,
    wantedBy,
    spareBytes: eviction.spareBytes,
    repositoriesReady,
  };
  const { hasher, inUse, room, onStoreTrouble, onRepositoriesChanged } = parts;
  const uploadDeps = { store, rows, storedFiles, hasher, inUse, room, onStoreTrouble, wantedBy, repositoriesReady };
  const upload = createUpload({ ...uploadDeps, clock });
  const rescanDeps = { scans: configuredRepositories.scans, onRepositoriesChanged, clock };
  return {
    kept,
    actions: {
      clean: stoppable(single("clean", createClean({ eviction })), signal),
      fetch: stoppable(createFetch(fetchDeps(parts)), signal),
      verify: stoppable(single("verify", createVerifyAction({ verify })), signal),
      dismiss: createDismiss({ failures: parts.failures }),
      stop: async ({ id }) => ({ stopped: kept.stop(id) }),
      drop: stoppable(createDrop({ store, rows, onRemoved: parts.onRemoved }), signal),
      rescan: stoppable(single("rescan", createRescan(rescanDeps)), signal),
      import: stoppable(single("import", createImport(importDeps)), signal),
    },
    upload: async (file, left) => {
      signal.throwIfAborted();
      return await upload(file, AbortSignal.any([left, signal]));
    },
    stop(reason) {
      stopping.abort(new ActionError(503, reason));
    },
  };
}
