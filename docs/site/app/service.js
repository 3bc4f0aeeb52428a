/* The service worker: every file of the site that was loaded is kept, and served from there; a new build has another
   name for its cache, and the old one goes. Only this site's own files, and only what is read. */

const CACHE = "autodiff-__VERSION__";
const FIRST = __FIRST__; // kept when the site is first seen
const PYTHON = __PYTHON__; // kept when the playground has loaded it

const keep = async (paths) => {
  const cache = await caches.open(CACHE);
  // What the browser has just loaded is in its own cache, and is not loaded again.
  await Promise.all(paths.map(async (path) => (await cache.match(path)) || cache.add(new Request(path, { cache: "force-cache" }))));
};

addEventListener("install", (event) => event.waitUntil(keep(FIRST).then(() => skipWaiting())));
addEventListener("activate", (event) =>
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("autodiff-") && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => clients.claim()),
  ),
);
addEventListener("message", (event) => event.waitUntil(keep(PYTHON).then(() => event.ports[0].postMessage("kept"))));

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    const found = await cache.match(request, { ignoreSearch: true });
    if (found) return found;
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  })());
});
