/* What the training room draws: points over the network's opinion of the plane, and the curve of the loss. */

const LIMIT = 1.5; // of both inputs, as in python/room.py
const BLUE = [37, 99, 235];
const ORANGE = [234, 88, 12];

/* A canvas with as many pixels as the screen has for it; drawing is in its own units of 400. */
const sharp = (canvas) => {
  const dots = Math.max(1, Math.min(3, (canvas.clientWidth * devicePixelRatio) / 400));
  const ratio = canvas.getAttribute("data-ratio") || (canvas.dataset.ratio = canvas.height / canvas.width);
  [canvas.width, canvas.height] = [400 * dots, 400 * ratio * dots];
  const context = canvas.getContext("2d");
  context.scale(dots, dots);
  return context;
};

export const toCanvas = ([x1, x2]) => [((x1 / LIMIT + 1) / 2) * 400, ((1 - x2 / LIMIT) / 2) * 400];
export const toPlane = (x, y) => [(2 * x / 400 - 1) * LIMIT, (1 - 2 * y / 400) * LIMIT].map((z) => Math.round(z * 1000) / 1000);

export const drawBoundary = (canvas, points, { shares, side, chosen }) => {
  const context = sharp(canvas);
  context.fillStyle = "#f1f5f9";
  context.fillRect(0, 0, 400, 400);
  if (shares) {
    const small = new OffscreenCanvas(side, side);
    const picture = new ImageData(side, side);
    shares.forEach((share, i) => {
      const mixed = BLUE.map((blue, c) => 255 - 0.55 * (255 - (share * blue + (1 - share) * ORANGE[c])));
      picture.data.set([...mixed, 255], 4 * i);
    });
    small.getContext("2d").putImageData(picture, 0, 0);
    context.drawImage(small, 0, 0, 400, 400);
  }
  points.forEach(([x1, x2, of], i) => {
    const [x, y] = toCanvas([x1, x2]);
    context.fillStyle = `rgb(${of ? BLUE : ORANGE})`;
    context.strokeStyle = i === chosen ? "#000" : "#fff";
    context.lineWidth = i === chosen ? 3 : 1.5;
    context.beginPath();
    if (of) context.arc(x, y, 5.5, 0, 7);
    else context.rect(x - 5, y - 5, 10, 10); // a shape for who sees no colour
    context.fill();
    context.stroke();
  });
};

export const drawLosses = (canvas, losses) => {
  const context = sharp(canvas);
  const style = getComputedStyle(canvas);
  context.fillStyle = context.strokeStyle = style.color;
  context.font = "12px system-ui, sans-serif";
  const top = Math.max(...losses, 1e-9);
  const place = (loss, i) => [40 + (350 * i) / Math.max(losses.length - 1, 1), 180 - (160 * loss) / top];
  context.fillText(losses.length ? top.toPrecision(2) : "", 2, 24);
  context.fillText("0", 28, 184);
  context.beginPath();
  context.moveTo(40, 15);
  context.lineTo(40, 180);
  context.lineTo(395, 180);
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = `rgb(${BLUE})`;
  context.beginPath();
  losses.forEach((loss, i) => context.lineTo(...place(loss, i)));
  context.stroke();
};
