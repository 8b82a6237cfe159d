/**
 * Runs the executable behind a proxy, which alone knows the hosts: it is asked for every path as it is written, over http and https,
 * whether the configuration or the environment names it, and never for what is on this machine.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { runExecutable, startExecutable } from "../src/testing/executable.ts";
import { writeRepository } from "../src/testing/repository.ts";
import { createTempFolder } from "../src/testing/temp.ts";

const BODY = "behind the proxy\n";
const folder = createTempFolder();
/** What the proxy was asked, and what the servers behind it were. */
let asked: string[];
let servers: NetServer[];
let proxy: string;
let certificate: string;

async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Answers one request line with the file. */
function answer(socket: Socket, prefix: string): void {
  socket.on("error", () => undefined);
  socket.once("data", (data) => {
    asked.push(`${prefix}${data.toString("latin1").split(" HTTP/", 1)[0]}`);
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`);
  });
}

beforeAll(async () => {
  const [key, cert] = [folder.file("key.pem"), folder.file("cert.pem")];
  const { exitCode } = Bun.spawnSync(
    ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2"].concat([
      "-subj",
      "/CN=files.test",
      "-addext",
      "subjectAltName=DNS:files.test",
    ]),
    { stderr: "ignore" },
  );
  expect(exitCode).toBe(0);
  certificate = cert;
  const secure = createTlsServer({ key: await Bun.file(key).text(), cert: await Bun.file(cert).text() }, (socket) =>
    answer(socket, "behind: "),
  );
  const securePort = await listen(secure);
  const between = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (data) => {
      const head = data.toString("latin1");
      asked.push(head.split(" HTTP/", 1)[0] ?? "");
      const isAllowed = /^proxy-authorization: Basic dTpw\r$/im.test(head);
      if (!isAllowed) return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
      if (!head.startsWith("CONNECT ")) {
        return socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`);
      }
      const server = connect(securePort, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(server).pipe(socket);
      });
      server.on("error", () => socket.destroy());
      return undefined;
    });
  });
  proxy = `http://u:p@127.0.0.1:${await listen(between)}`;
  servers = [secure, between];
});
beforeEach(() => {
  asked = [];
});
afterAll(() => {
  for (const server of servers) server.close();
  folder.remove();
});

const URIS: Readonly<Record<string, readonly [uri: string, ...asked: string[]]>> = {
  "plain.zip": ["http://files.test/a/plain.zip", "GET http://files.test/a/plain.zip"],
  "slashes.zip": ["http://files.test//a//slashes.zip", "GET http://files.test//a//slashes.zip"],
  "secure.zip": ["https://files.test/a/secure.zip", "CONNECT files.test:443", "behind: GET /a/secure.zip"],
  "both.zip": ["https://files.test//a//both.zip?q='1'", "CONNECT files.test:443", "behind: GET //a//both.zip?q='1'"],
};

const repository = writeRepository(folder.file("gentoo"));
for (const [i, [name, [uri]]] of Object.entries(URIS).entries())
  repository.put(`app-misc/a${i}`, {
    dist: { [name]: BODY },
    ebuilds: [{ version: "1", srcUri: `${uri} -> ${name}` }],
  });

const start = (fetcher: Record<string, string | boolean | string[]>, env: Record<string, string>) =>
  startExecutable({
    settings: { fetcher: { mirrors: [], ...fetcher }, repo: { repos: [repository.location] } },
    env: { SSL_CERT_FILE: certificate, ...env },
  });

for (const [how, fetcher, env] of [
  ["the configuration", () => ({ proxy }), () => ({})],
  ["the environment", () => ({}), () => ({ http_proxy: proxy, HTTPS_PROXY: proxy })],
] as const) {
  test(`a proxy in ${how} is asked for every path as it is written`, async () => {
    await using server = await start(fetcher(), env());
    for (const [name, [, ...expected]] of Object.entries(URIS)) {
      asked = [];
      const response = await fetch(`${server.url}/distfiles/${name}`);
      expect([name, response.status, await response.text(), asked]).toEqual([name, 200, BODY, expected]);
    }
  });
}

test("no_proxy exempts a host, and a proxy that refuses is named", async () => {
  await using server = await start({ proxy: proxy.replace("u:p@", "") }, { no_proxy: "elsewhere.test" });
  const refused = await (await fetch(`${server.url}/distfiles/both.zip`)).text();
  expect(refused).toContain("the proxy answered HTTP/1.1 407 Proxy Authentication Required");
  await using direct = await start({ proxy }, { no_proxy: "files.test" });
  asked = [];
  const text = await (await fetch(`${direct.url}/distfiles/slashes.zip`)).text();
  expect([text.includes("host not found"), asked]).toEqual([true, []]);
});

test("client --test asks as wget does, through the proxy unless no_proxy exempts the server", async () => {
  await using server = await start({}, {});
  const args = ["client", server.url, "--test", "--config", server.configFile];
  const through = await runExecutable(args, { env: { http_proxy: proxy } });
  expect([through.exit, asked]).toEqual([1, [`GET ${server.url}/distfiles/layout.conf`]]);
  const direct = await runExecutable(args, { env: { http_proxy: proxy, no_proxy: "127.0.0.1" } });
  expect([direct.stdout.includes("layout.conf"), asked.length]).toEqual([true, 1]);
});

test("healthcheck asks the server itself, whatever proxy the environment has", async () => {
  await using server = await start({}, {});
  const args = ["healthcheck", "--config", server.configFile, "--port", new URL(server.url).port];
  const { exit, stdout } = await runExecutable(args, { env: { http_proxy: proxy, all_proxy: proxy } });
  expect([exit, stdout, asked]).toEqual([0, "ok\n", []]);
});
