/* What is shown as a file: a page, an SVG, a bitmap of it, or Python. */

const offer = (name, blob) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

export const KINDS = { ".html": "text/html", ".svg": "image/svg+xml", ".py": "text/x-python", ".png": "image/png" };

export const saveText = (name, text) => offer(name, new Blob([text], { type: KINDS[name.slice(name.lastIndexOf("."))] }));

/* Two dots a point, as the project's own bitmaps nearly have. */
export const saveBitmap = async (name, svg) => {
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([svg], { type: KINDS[".svg"] }));
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * picture.naturalWidth, 2 * picture.naturalHeight];
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(picture.src);
  offer(name, await new Promise((resolve) => canvas.toBlob(resolve)));
};
