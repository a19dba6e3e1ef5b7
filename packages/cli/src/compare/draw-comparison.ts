import type { EndpointComparison } from './compare.ts';

const ROW = 56;
const LEFT = 220;
const WIDTH = 560;
/** Nats, both ends of a logarithmic axis: below, machines are as good as equal; above, nothing is alike. */
const [LEAST, MOST] = [1e-4, 10];
const TICKS = [1e-4, 1e-3, 1e-2, 0.1, 1, 10];

/** One row for each reference, one dot for each reply, from equal at the left to nothing alike at the right. SVG. */
export function drawComparison(
  { distances }: Pick<EndpointComparison, 'distances'>,
  { names, tolerance }: { readonly names: readonly string[]; readonly tolerance: number },
): string {
  const height = ROW * names.length + 60;
  const bottom = ROW * names.length + 10;
  const ticks = TICKS.map(
    (nats) =>
      `<line x1="${place(nats)}" x2="${place(nats)}" y1="10" y2="${bottom}" stroke="#ddd"/>` +
      `<text x="${place(nats)}" y="${bottom + 18}" text-anchor="middle">${nats}</text>`,
  );
  const rows = names.map((name, i) => {
    const y = ROW * i + 38;
    const dots = distances.map(({ toReference }, reply) => {
      // Dots of one row lie beside each other, in the order of the replies.
      const lift = ((reply % 7) - 3) * 4;
      return `<circle cx="${place(toReference[i] as number)}" cy="${y + lift}" r="3" fill="#1b6ca8" fill-opacity="0.5"/>`;
    });
    return `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${escapeXml(name.slice(-28))}</text>${dots.join('')}`;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 30}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...ticks,
    `<line x1="${place(tolerance)}" x2="${place(tolerance)}" y1="10" y2="${bottom}" stroke="#b33" stroke-dasharray="4 3"/>`,
    ...rows,
    `<text x="${LEFT + WIDTH / 2}" y="${bottom + 40}" text-anchor="middle">distance of the endpoint, nats for each listed token; dashed: the tolerance</text>`,
    '</svg>',
  ].join('\n')}\n`;
}

function place(nats: number): string {
  const held = Math.min(MOST, Math.max(LEAST, nats));
  return (LEFT + (WIDTH * Math.log10(held / LEAST)) / Math.log10(MOST / LEAST)).toFixed(1);
}

const escapeXml = (text: string): string => text.replace(/[<>&"]/g, (each) => `&#${each.charCodeAt(0)};`);
