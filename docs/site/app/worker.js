/* Python in a worker, so that the page never waits for it: Pyodide with this project's wheel, and Graphviz, both in
   WebAssembly. It is asked { id, task, request } and answers { id, answer }; until it is ready it tells what it is
   loading. What it is asked to do is written in Python (python/tasks.py). */

const STAGES = { python: "Python", packages: "the engine", ready: "" };
const told = (stage, share) => postMessage({ loading: STAGES[stage], share });

const start = async () => {
  told("python", 0.1);
  const beside = (name) => new URL(name, self.location).href;
  const { loadPyodide } = await import(beside("pyodide/pyodide.mjs"));
  const loaded = loadPyodide({ indexURL: beside("pyodide/") });
  const packages = fetch(beside("packages.zip")).then((response) => response.arrayBuffer());
  const graphviz = import(beside("graphviz.js")).then(({ instance }) => instance());
  const python = await loaded;
  told("packages", 0.7);
  python.unpackArchive(await packages, "zip", { extractDir: "/lib/project" });
  const viz = await graphviz;
  python.registerJsModule("graphviz_wasm", {
    render: (graph, format, engine) => viz.renderString(graph.startsWith("{") ? JSON.parse(graph) : graph, { format, engine }),
  });
  const tasks = python.runPython("import sys; sys.path.insert(0, '/lib/project')\nimport tasks\ntasks.run");
  told("ready", 1);
  return tasks;
};

const started = start();
started.catch((error) => postMessage({ failed: String(error.message || error) }));

onmessage = async ({ data: { id, task, request } }) => {
  const run = await started;
  try {
    postMessage({ id, answer: JSON.parse(run(task, JSON.stringify(request))) });
  } catch (error) {
    postMessage({ id, failed: String(error.message || error) });
  }
};
