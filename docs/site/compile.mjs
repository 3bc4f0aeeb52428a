/* node compile.mjs packages.zip: beside each module of the archive its bytecode, made by the Python that will run it in the
   browser, which then starts in half of the time. */

import { readFileSync, writeFileSync } from "node:fs";
import { loadPyodide } from "pyodide";

const file = process.argv[2];
const python = await loadPyodide();
python.unpackArchive(new Uint8Array(readFileSync(file)), "zip", { extractDir: "/lib/project" });
python.runPython(`
import compileall, py_compile, shutil
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH  # whatever date unpacking gives the sources
assert compileall.compile_dir("/lib/project", quiet=1, invalidation_mode=mode)
shutil.make_archive("/packages", "zip", "/lib/project")
`);
writeFileSync(file, python.FS.readFile("/packages.zip"));
