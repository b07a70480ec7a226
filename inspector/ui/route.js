// The address of a page stands behind the # of the URL, with its filters, so it can be
// kept as a bookmark and sent to somebody.

// link is the address of a page. Members that are undefined are left out.
export function link(page, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, v]) => v !== undefined && v !== null));
  return "#/" + page + (search.size ? "?" + search : "");
}

// here is the page and the query of the address.
export function here() {
  const [page, search] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { page: page || "overview", query: Object.fromEntries(new URLSearchParams(search ?? "")) };
}

// go opens an address; replace: without a new entry in the browser's history.
export function go(href, replace = false) {
  if (replace) location.replace(href);
  else location.hash = href;
}
