import { expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { createOpenApi } from "./openapi.ts";
import { ACTION_REQUESTS } from "./post.ts";
import { CLIENT_ROUTE, FILE_ROUTE, PACKAGE_ROUTE, ROUTES } from "./routes.ts";

const document = createOpenApi("1.2.3");

test("the document is valid OpenAPI 3.1", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  expect([errors ?? "none", valid, validator.version]).toEqual(["none", true, "3.1"]);
});

test("every route and action is in it, and every reference resolves", () => {
  const paths = Object.keys(document["paths"] as object);
  const others = [FILE_ROUTE, CLIENT_ROUTE, PACKAGE_ROUTE].map(({ path }) => path);
  const expected = [...ROUTES.map(({ path }) => path), ...others, "/events"];
  for (const name of Object.keys(ACTION_REQUESTS)) expected.push(`/${name}`);
  expect(paths.toSorted()).toEqual(expected.toSorted());
  const { schemas } = document["components"] as { schemas: Record<string, unknown> };
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, target]) => target ?? "");
  expect(references.length).toBeGreaterThan(5);
  for (const target of references) {
    expect([target, target.replace("#/components/schemas/", "") in schemas]).toEqual([target, true]);
  }
});

test("operation ids are unique, and query parameters are described", () => {
  const operations = Object.values(document["paths"] as Record<string, Record<string, { operationId: string }>>);
  const ids = operations.flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ids.length);
  expect(JSON.stringify(document)).toContain('{"name":"per_page","in":"query"');
});
