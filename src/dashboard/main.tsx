/**
 * The dashboard: begins in the browser.
 */
import { render } from "preact";

function Page() {
  return <h1>portcache</h1>;
}

const page = document.getElementById("page");
if (page) render(<Page />, page);
