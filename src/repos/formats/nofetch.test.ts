import { expect, test } from "bun:test";
import { nofetchUris } from "./nofetch.ts";

test("the plain URIs of pkg_nofetch are found, each once, and those of other functions are not", () => {
  const ebuild = `HOMEPAGE="https://home.test/"
src_unpack() {
	einfo "https://elsewhere.test/"
}

pkg_nofetch() {
	einfo "Get \${A} from 'https://shop.test/get?a=1&b=2'."
	einfo "See https://shop.test/help, or https://shop.test/help!"
	einfo "https://shop.test/\${P}.tar"
	einfo "https://shop.test/$PV"
}

pkg_setup() {
	einfo "https://later.test/"
}
`;
  expect(nofetchUris(ebuild)).toEqual(["https://shop.test/get?a=1&b=2", "https://shop.test/help"]);
  expect(nofetchUris("pkg_nofetch() { einfo https://one-line.test; }\n")).toEqual([]);
  expect(nofetchUris("")).toEqual([]);
});

test("a long text takes no longer than it is", () => {
  const startedAt = performance.now();
  nofetchUris(`pkg_nofetch() {\n${"https://".repeat(100_000)}\n}\n`);
  nofetchUris(`pkg_nofetch() {\nhttps://a${".".repeat(500_000)}b\n}\n`);
  nofetchUris(`pkg_nofetch() {\n${"https://a... ".repeat(50_000)}\n}\n`);
  nofetchUris("pkg_nofetch() {\n".repeat(50_000));
  expect(performance.now() - startedAt).toBeLessThan(1000);
});
