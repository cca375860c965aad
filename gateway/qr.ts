/** A link as a QR code. (E7 ¶106–120) */
import QRCode from 'qrcode';

/** A seventh of it may be unreadable. */
const options = { errorCorrectionLevel: 'M' } as const;
/** Pixels; without a size some programs draw a pixel a module, which no scanner reads. */
const width = 512;
/** Modules of white around it, as the standard asks for. */
const quietModules = 4;

/** Runs of dark modules as areas: ImageMagick and others draw the library's own strokes so that nothing reads them. */
function svg(link: string): string {
  const { modules } = QRCode.create(link, options);
  const { size } = modules;
  let path = '';
  for (let row = 0; row < size; row += 1) {
    for (let from = 0; from < size; from += 1) {
      let to = from;
      while (to < size && modules.get(row, to) !== 0) to += 1;
      if (to === from) continue;
      const length = to - from;
      path += `M${from + quietModules} ${row + quietModules}h${length}v1h-${length}z`;
      from = to;
    }
  }
  const side = size + 2 * quietModules;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${width}" viewBox="0 0 ${side} ${side}" ` +
    `shape-rendering="crispEdges"><path stroke="none" fill="#fff" d="M0 0h${side}v${side}H0z"/>` +
    `<path stroke="none" fill="#000" d="${path}"/></svg>\n`
  );
}

export async function qrImage(
  link: string,
  kind: 'svg' | 'png',
): Promise<string | Uint8Array<ArrayBuffer>> {
  if (kind === 'svg') return svg(link);
  return new Uint8Array(await QRCode.toBuffer(link, { ...options, width, margin: quietModules }));
}
