/* Graphviz in WebAssembly, a file of its own: Python is loaded beside it. */

export { instance } from "@viz-js/viz";
