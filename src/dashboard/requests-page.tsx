/**
 * Lists the requests of clients as they come, newest first, with filters that are in the address, and pages.
 */
import { useEffect, useState } from "preact/hooks";
import type { RequestReport, RequestsResponse } from "../api/request-schemas.ts";
import { apiPath } from "./api.ts";
import { formatTime, formatWeekday } from "./clock.ts";
import { ClientLink, ErrorMessage, FileLink, Panel, Placeholder, StatusIcon } from "./components.tsx";
import { formatBytes, formatMilliseconds, plural } from "./format.ts";
import { useNow, usePolled } from "./hooks.ts";
import { OUTCOMES, outcomeLabel } from "./labels.ts";
import type { PageProps } from "./page-props.ts";
import { requestsHash } from "./route.ts";

/** New requests are announced; this is for those that no announcement came for. */
const POLL_MS = 30_000;
/** A page of older requests hardly changes. */
const OLDER_POLL_MS = 10 * 60_000;
const PER_PAGE = 50;

const FIELDS = [
  ["client", "Client", "name or address"],
  ["file", "File", "how its name begins"],
  ["package", "Package", "category/name"],
] as const;

type Filter = Readonly<Record<string, string>>;

/** The filters in the address, and where the page begins. */
function filterIn(query: URLSearchParams): Filter {
  const names = ["client", "outcome", "file", "package", "before"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = query.get(name)?.trim() ?? "";
      return value === "" ? [] : [[name, value]];
    }),
  );
}

function Filters({ filter }: { readonly filter: Filter }) {
  const [values, setValues] = useState<Filter>(filter);
  // Links lead to other filters while the page is open.
  useEffect(() => setValues(filter), [requestsHash(filter)]);
  const go = (wanted: Filter) => {
    const { before: _older, ...rest } = wanted;
    location.hash = requestsHash(filterIn(new URLSearchParams(rest)));
  };
  const isFiltered = Object.keys(filter).some((name) => name !== "before");
  return (
    <form
      class="filters"
      aria-label="Filter requests"
      onSubmit={(event) => {
        event.preventDefault();
        go(values);
      }}
    >
      {FIELDS.map(([name, title, hint]) => (
        <label key={name}>
          {title}
          <input
            type="text"
            autocomplete="off"
            spellcheck={false}
            placeholder={hint}
            value={values[name] ?? ""}
            onInput={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
          />
        </label>
      ))}
      <label>
        Outcome
        <select
          value={values["outcome"] ?? ""}
          onChange={(event) => go({ ...values, outcome: event.currentTarget.value })}
        >
          <option value="">all</option>
          {OUTCOMES.map((outcome) => (
            <option key={outcome} value={outcome}>
              {outcomeLabel(outcome)[1]}
            </option>
          ))}
        </select>
      </label>
      <div class="buttons">
        <button type="submit">Filter</button>
        {isFiltered ? (
          <button type="button" onClick={() => go({})}>
            Show all
          </button>
        ) : null}
      </div>
    </form>
  );
}

/** The time, with its day where that is another one. */
function momentText(at: string, now: number): string {
  const time = Date.parse(at);
  const isToday = new Date(time).toDateString() === new Date(now).toDateString();
  return isToday ? formatTime(time) : `${formatWeekday(time)}, ${formatTime(time)}`;
}

function Row({ request, now }: { readonly request: RequestReport; readonly now: number }) {
  const { at, client, client_name, file, outcome, detail, bytes, duration_ms, source, package: wantedBy } = request;
  const [tone, text] = outcomeLabel(outcome);
  return (
    <tr>
      <th scope="row">
        <FileLink name={file} />
        {wantedBy === null ? null : <span class="small">{wantedBy}</span>}
      </th>
      <td data-label="Client" class="text">
        <ClientLink address={client} name={client_name} />
      </td>
      <td data-label="Outcome" class="text">
        <span title={source === null ? detail : `${detail}, from ${source}`}>
          <StatusIcon tone={tone} />
          {text}
        </span>
      </td>
      <td data-label="Size">{formatBytes(bytes)}</td>
      <td data-label="Took">{formatMilliseconds(duration_ms)}</td>
      <td data-label="At">
        <time dateTime={at}>{momentText(at, now)}</time>
      </td>
    </tr>
  );
}

function Table({ requests }: Pick<RequestsResponse, "requests">) {
  const now = useNow();
  return (
    <table class="stacking wide">
      <thead>
        <tr>
          <th scope="col">File</th>
          <th scope="col" class="text">
            Client
          </th>
          <th scope="col" class="text">
            Outcome
          </th>
          <th scope="col">Size</th>
          <th scope="col">Took</th>
          <th scope="col">At</th>
        </tr>
      </thead>
      <tbody>
        {requests.map((request) => (
          <Row key={request.id} request={request} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function Paging({ filter, next }: { readonly filter: Filter; readonly next: string | null }) {
  const { before, ...rest } = filter;
  if (before === undefined && next === null) return null;
  return (
    <nav class="pagination" aria-label="Pages of requests">
      {before === undefined ? null : <a href={requestsHash(rest)}>Newest</a>}
      {next === null ? null : <a href={requestsHash({ ...rest, before: next })}>Older</a>}
    </nav>
  );
}

function emptyText({ requests, next, recorded }: RequestsResponse, filter: Filter): string | undefined {
  if (!recorded) return "Requests are not kept ([log] requests, [server] client_statistics).";
  if (requests.length > 0) return undefined;
  if (next !== null) return "None among the requests looked through so far.";
  return Object.keys(filter).length === 0 ? "No requests yet." : "No such requests.";
}

export function RequestsPage({ query, latestRequest }: PageProps) {
  const filter = filterIn(query);
  const isLatest = filter["before"] === undefined;
  const [heldAt, setHeldAt] = useState<string>();
  const path = apiPath("requests", { ...filter, limit: PER_PAGE });
  const held = heldAt !== undefined;
  const { data, error } = usePolled<RequestsResponse>(
    path,
    isLatest && !held ? POLL_MS : OLDER_POLL_MS,
    isLatest ? (heldAt ?? latestRequest) : undefined,
  );
  const empty = data && emptyText(data, filter);
  const aside = isLatest ? (
    <button type="button" aria-pressed={held} onClick={() => setHeldAt(held ? undefined : (latestRequest ?? ""))}>
      Pause
    </button>
  ) : undefined;
  return (
    <Panel id="requests" title="Requests" aside={aside}>
      <Filters filter={filter} />
      <ErrorMessage text={error ?? data?.problem ?? undefined} />
      {data && data.requests.length > 0 ? <Table requests={data.requests} /> : null}
      {empty === undefined ? null : <Placeholder>{empty}</Placeholder>}
      {data ? <Paging filter={filter} next={data.next} /> : <Placeholder>…</Placeholder>}
      {data && data.left_out > 0 ? (
        <p class="small footnote">
          {plural(data.left_out, "request")} since the start {data.left_out === 1 ? "is" : "are"} only counted: too many
          in one second.
        </p>
      ) : null}
    </Panel>
  );
}
