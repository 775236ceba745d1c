// Up to four linked panes that NiiVue draws; petsynth view and petsynth rate share them.

const N = window.niivue;
export const VIEWS = { axial: 0, coronal: 1, sagittal: 2, all: 3 };
export const MAPS = ["hot", "nih", "ge_color", "turbo", "inferno", "viridis", "gray", "gray inverted"];
export const MARK = "SYNTHETIC \u2013 not for diagnosis";
const OFFSET = 352;
const DIVERGING = {
  R: [90, 40, 0, 240, 255], G: [200, 90, 0, 90, 220], B: [255, 230, 0, 40, 90],
  A: [255, 200, 0, 200, 255], I: [0, 64, 128, 192, 255],
};

// A 32-bit number in as few digits as say it: 2.4, not 2.4000000953674316.
const plain = (value) => Number(value.toPrecision(7));

// An image from the server: 16-bit NIfTI in RAS+, see petsynth.viewer.encoding.
export class Scan {
  constructor(buffer) {
    const head = new DataView(buffer, 0, OFFSET);
    this.buffer = buffer;
    this.shape = [42, 44, 46].map((at) => head.getInt16(at, true));
    this.slope = head.getFloat32(112, true);
    this.high = plain(head.getFloat32(124, true));
    this.low = head.getFloat32(128, true);
    this.rows = [280, 296, 312].map((at) => [0, 4, 8, 12].map((more) => head.getFloat32(at + more, true)));
    this.stored = new Int16Array(buffer, OFFSET);
    this.inverse = invert(this.rows);
  }

  static async load(url, signal) {
    const answer = await fetch(url, { signal, cache: "no-store" });
    if (!answer.ok) throw new Error(await reason(answer));
    return new Scan(await answer.arrayBuffer());
  }

  // The value of the nearest voxel to a place in millimetres, or null outside.
  value(mm) {
    const at = this.inverse.map((row) => Math.round(row[0] * mm[0] + row[1] * mm[1] + row[2] * mm[2] + row[3]));
    if (at.some((each, axis) => !(each >= 0 && each < this.shape[axis]))) return null;
    return this.stored[at[0] + this.shape[0] * (at[1] + this.shape[1] * at[2])] * this.slope;
  }

  // The place in millimetres of the middle of the image.
  middle() {
    const voxel = this.shape.map((size) => Math.floor(size / 2));
    return this.rows.map((row) => row[0] * voxel[0] + row[1] * voxel[1] + row[2] * voxel[2] + row[3]);
  }

  // NiiVue's image of it, made once.
  async image() {
    this.made ??= N.NVImage.new(this.buffer, "image.nii", "gray", 1, null, this.low, this.high, true);
    return this.made;
  }
}

// What the server says of a refusal.
export async function reason(answer) {
  try {
    return (await answer.json()).error;
  } catch {
    return `the server answered ${answer.status}`;
  }
}

// Each image comes with its window; NiiVue would look at every voxel to find one, also for each new colour map.
N.NVImage.prototype.calMinMax = function () {
  const { cal_min: low, cal_max: high } = this.hdr;
  Object.assign(this, { cal_min: low, cal_max: high, robust_min: low, robust_max: high, global_min: low, global_max: high });
  return [low, high, low, high];
};

function invert(m) {
  const [[a, b, c, x], [d, e, f, y], [g, h, i, z]] = m;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const r = [
    [(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
  return r.map((row) => [...row, -(row[0] * x + row[1] * y + row[2] * z)]);
}

// NiiVue computes gradients of each volume for renderings in 3D, which these pages never show; that
// takes most of the time until a volume is on screen. Nothing is drawn while it does. It also asks after
// each slice whether the drawing surface is complete, and each answer is waited for; it always is.
function withoutGradients(nv) {
  for (const name of ["blurShader", "gradientPrePassShader", "sobelFirstOrderShader", "sobelSecondOrderShader"]) {
    const shader = nv[name];
    if (!shader) continue;
    const use = shader.use.bind(shader);
    shader.use = (gl) => {
      use(gl);
      gl.drawArrays = gl.framebufferTextureLayer = () => {};
    };
  }
  nv.gl.checkFramebufferStatus = () => nv.gl.FRAMEBUFFER_COMPLETE;
  const texture = nv.rgbaTex.bind(nv);
  const units = [nv.gl.TEXTURE6, nv.gl.TEXTURE8]; // of the gradients
  nv.rgbaTex = (before, unit, size, isNew) => texture(before, unit, units.includes(unit) ? [2, 2, 2, 2] : size, isNew);
  const scale = nv.sliceScale.bind(nv); // what NiiVue calls next
  nv.sliceScale = (...words) => {
    delete nv.gl.drawArrays;
    delete nv.gl.framebufferTextureLayer;
    return scale(...words);
  };
}

// The middle of a symmetric colour bar is 0; NiiVue writes "-0" where its sum of steps ends just below.
function withoutMinusZero(nv) {
  const below = nv.drawTextBelow.bind(nv);
  nv.drawTextBelow = (place, text, ...more) => below(place, text === "-0" ? "0" : text, ...more);
}

// One pane: a head and what NiiVue draws below it.
class Pane {
  constructor(holder, number, owner) {
    this.box = document.createElement("section");
    this.box.className = "pane";
    this.head = document.createElement("div");
    this.head.className = "pane-head";
    this.note = document.createElement("p");
    this.note.className = "pane-note";
    this.note.setAttribute("role", "status");
    const frame = document.createElement("div");
    frame.className = "pane-frame";
    this.canvas = document.createElement("canvas");
    this.canvas.id = `pane-${number}`;
    this.canvas.tabIndex = 0;
    frame.append(this.canvas, this.note);
    this.box.append(this.head, frame);
    holder.append(this.box);
    this.nv = new N.Niivue({
      backColor: [0, 0, 0, 1], crosshairColor: [0.35, 0.8, 1, 1], crosshairWidth: 0.6, crosshairWidthUnit: "mm", crosshairGap: 4,
      multiplanarShowRender: 0, isColorbar: true, colorbarHeight: 0.035, dragAndDropEnabled: false,
      logLevel: "silent", loadingText: "", viewModeHotKey: "", clipPlaneHotKey: "", cycleClipPlaneHotKey: "",
      isOrientationTextVisible: true, showAllOrientationMarkers: true, fontMinPx: 13, fontSizeScaling: 0.3,
      fontColor: [1, 0.95, 0.6, 1], multiplanarPadPixels: 12, tileMargin: 24,
      isNearestInterpolation: false, sagittalNoseLeft: false, isAntiAlias: false, sliceType: VIEWS.all,
    });
    this.nv.onLocationChange = (place) => owner.moved(this, [...place.mm].slice(0, 3));
  }

  // Drawing surfaces are made when a pane is first seen.
  attach() {
    this.attached ??= this.nv.attachToCanvas(this.canvas, false).then(() => {
      withoutGradients(this.nv);
      withoutMinusZero(this.nv);
      this.nv.addColormap("difference", DIVERGING);
    });
    return this.attached;
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  // Write a text into the picture itself, or none.
  mark(text) {
    const labels = this.nv.document.labels;
    labels.splice(0, labels.length);
    if (!text) return;
    const style = { textScale: 1.1, textColor: [1, 0.85, 0.3, 1], backgroundColor: [0, 0, 0, 0] };
    // NiiVue's letters are ASCII.
    this.nv.addLabel(text.replace("\u2013", "-"), style, undefined, N.LabelAnchorPoint.TOPLEFT);
  }
}

export class Panes {
  // onMove: called with the place in millimetres whenever the cross-hairs move.
  constructor(holder, count, onMove) {
    this.holder = holder;
    this.onMove = onMove;
    this.place = [0, 0, 0];
    this.settings = {
      view: "all", map: "hot", low: 0, high: 0, threshold: 0, opacity: 1, spread: 0, limit: 0, radiological: false, bar: true,
    };
    this.all = Array.from({ length: count }, (_, number) => new Pane(holder, number, this));
    this.shown = count;
    let waiting; // lines are a pixel wide, and slices in a row or a square, whatever the window's size
    addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.set({}), 200);
    });
  }

  get visible() {
    return this.all.slice(0, this.shown);
  }

  async setCount(count) {
    this.shown = count;
    this.holder.dataset.count = count;
    this.all.forEach((pane, number) => (pane.box.hidden = number >= count));
    await Promise.all(this.visible.map((pane) => pane.attach()));
    for (const pane of this.visible) pane.nv.resizeListener();
  }

  // Show an image in a pane: {scan, role, title, mark}, with the MRI below it where that is seen.
  async put(number, content, below) {
    const pane = this.all[number];
    pane.content = content;
    pane.below = below;
    if (!content) {
      pane.nv.volumes = [];
      pane.nv.overlays = [];
      pane.nv.back = null;
      pane.mark("");
      pane.nv.drawScene();
      return;
    }
    pane.mark(content.mark);
    await this.compose(pane);
  }

  async compose(pane) {
    const { content, below } = pane;
    const needed = below && content.role !== "t1" && (this.settings.opacity < 1 || this.settings.threshold > 0 || content.role === "difference");
    const images = [];
    if (needed) images.push({ image: await copy(below.scan), scan: below.scan, role: "t1" });
    images.push({ image: await copy(content.scan), scan: content.scan, role: content.role });
    if (pane.content !== content) return;
    for (const each of images) this.style(each, images.length > 1);
    const { nv } = pane;
    nv.opts.isRadiologicalConvention = this.settings.radiological;
    nv.opts.sliceType = VIEWS[this.settings.view];
    nv.opts.multiplanarLayout = pane.canvas.clientWidth > 1.9 * pane.canvas.clientHeight ? 3 : 2; // a row or a square
    nv.opts.crosshairWidth = this.lineWidth(pane, images[0].scan);
    nv.volumes = images.map((each) => each.image);
    nv.setVolume(images[0].image, 0);
    this.moveTo(pane);
    nv.drawScene();
  }

  // Millimetres of a line that is a bit wider than a pixel.
  lineWidth(pane, scan) {
    const extent = Math.max(...scan.shape.map((size, axis) => size * Math.hypot(...scan.rows.map((row) => row[axis]))));
    const { clientWidth, clientHeight } = pane.canvas;
    return (1.5 * extent) / (Math.min(clientWidth, clientHeight) / (this.settings.view === "all" ? 2 : 1));
  }

  style({ image, scan, role }, isOver) {
    const { map, low, high, threshold, opacity, spread, limit, bar } = this.settings;
    image.colormapInvert = false;
    image.colormapType = 0;
    image.opacity = role === "t1" || !isOver ? 1 : opacity;
    image.colorbarVisible = role !== "t1" && bar;
    [image.cal_min, image.cal_max] = [scan.low, scan.high];
    if (role === "t1") {
      image._colormap = "gray";
    } else if (role === "difference") {
      image._colormap = "difference";
      const most = limit || scan.high;
      [image.cal_min, image.cal_max] = [-most, most];
    } else {
      image.colormapInvert = map === "gray inverted";
      image._colormap = image.colormapInvert ? "gray" : map;
      [image.cal_min, image.cal_max] = role === "std" ? [0, spread || scan.high] : [low, high || scan.high];
      if (threshold > 0 && role !== "std") {
        image.colormapType = 1; // colours start at 0, below cal_min nothing is drawn
        image.cal_min = threshold;
      }
    }
  }

  // Change settings and draw everything again.
  async set(changes) {
    Object.assign(this.settings, changes);
    await Promise.all(this.visible.filter((pane) => pane.content).map((pane) => this.compose(pane)));
  }

  moved(pane, mm) {
    if (this.moving || !pane.content) return;
    this.moving = true;
    this.place = mm;
    for (const other of this.visible) {
      if (other === pane || !other.content) continue;
      other.nv.scene.pan2Dxyzmm = [...pane.nv.scene.pan2Dxyzmm];
      this.moveTo(other);
      other.nv.drawScene();
    }
    this.moving = false;
    this.onMove(mm);
  }

  moveTo(pane) {
    pane.nv.scene.crosshairPos = pane.nv.mm2frac(this.place);
  }

  go(mm) {
    this.place = [...mm];
    for (const pane of this.visible) {
      if (!pane.content) continue;
      this.moveTo(pane);
      pane.nv.drawScene();
    }
    this.onMove(this.place);
  }

  // Move by whole millimetres along an axis: 0 to the right, 1 to the front, 2 upwards.
  step(axis, mm) {
    const place = [...this.place];
    place[axis] += mm;
    this.go(place);
  }

  // One picture of all panes, with titles and the mark.
  picture(title, mark) {
    const panes = this.visible.filter((pane) => pane.content);
    const columns = panes.length > 1 ? 2 : 1;
    const [width, height, head, top] = [panes[0].canvas.width, panes[0].canvas.height, 26, 60];
    const sheet = document.createElement("canvas");
    sheet.width = width * columns;
    sheet.height = top + (height + head) * Math.ceil(panes.length / columns);
    const pen = sheet.getContext("2d");
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.fillStyle = "#fff";
    pen.font = "bold 18px sans-serif";
    pen.fillText(title, 10, 24, sheet.width - 20);
    pen.fillStyle = "#ffd94d";
    pen.fillText(mark, 10, 48, sheet.width - 20);
    pen.font = "15px sans-serif";
    panes.forEach((pane, number) => {
      const [x, y] = [width * (number % columns), top + (height + head) * Math.floor(number / columns)];
      pane.nv.drawScene();
      pen.drawImage(pane.canvas, x, y + head);
      pen.fillStyle = "#ddd";
      pen.fillText(pane.content.title, x + 10, y + 18, width - 20);
    });
    return sheet;
  }
}

// NiiVue keeps window and colours in its image, so each pane has one of its own over the same voxels.
async function copy(scan) {
  const first = await scan.image();
  return Object.assign(Object.create(Object.getPrototypeOf(first)), first);
}
