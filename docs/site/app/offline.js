/* The second visit comes from the cache, also without a network: a service worker keeps what was loaded. */

const here = new URL(".", import.meta.url);

export const registerOffline = () =>
  navigator.serviceWorker?.register(new URL("../service.js", here)).catch(() => {}); // private windows have none

/* Python, some 15 MB, is kept only where it was used. */
export const keepOffline = async () => {
  if (!navigator.serviceWorker) return;
  await registerOffline();
  const { active } = await navigator.serviceWorker.ready;
  const channel = new MessageChannel();
  channel.port1.onmessage = () => (document.documentElement.dataset.offline = "ready");
  active.postMessage("keep", [channel.port2]);
};
