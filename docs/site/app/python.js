/* Python for a page: a worker that is asked, one thing after the other, and that can be stopped.

   pythonFor({ loading(what, share), failed(message) }) gives
     ask(task, request) : a promise of the answer; it never comes where the worker was stopped meanwhile
     stop() : ends the worker, whatever it is doing, and starts another */

export const pythonFor = ({ loading, failed }) => {
  let worker = null;
  let waiting = new Map();
  let last = 0;

  const start = () => {
    waiting = new Map();
    worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.onerror = (event) => failed(event.message || "the worker could not be started");
    worker.onmessage = ({ data }) => {
      if (data.share !== undefined) return loading(data.loading, data.share);
      const [resolve, reject] = waiting.get(data.id) || [null, (error) => failed(error.message)];
      waiting.delete(data.id);
      if (data.failed !== undefined) reject(new Error(data.failed));
      else resolve(data.answer);
    };
  };
  start();

  return {
    ask: (task, request) =>
      new Promise((resolve, reject) => {
        waiting.set((last += 1), [resolve, reject]);
        worker.postMessage({ id: last, task, request });
      }),
    stop: () => {
      worker.terminate();
      start();
    },
  };
};
