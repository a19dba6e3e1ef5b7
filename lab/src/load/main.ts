// npm run gateway-load: the part load of the bench by itself. --replies N sets the replies of one of the three rounds, --long N the replies in the run that
// watches memory. --soak N watches only memory over N replies and fails if it grows. --json writes the rows.
import { parseArgs } from 'node:util';
import { formatRows } from '../bench/row.ts';
import { measureLoad, measureSoak } from './load-rows.ts';
import { judgeGatewaySoak, listSoakRows, type SoakLook } from './load-soak.ts';

const { values } = parseArgs({
  options: {
    replies: { type: 'string', default: '1000' },
    long: { type: 'string', default: '2000' },
    soak: { type: 'string' },
    json: { type: 'boolean' },
  },
});

async function soak(replies: number) {
  const tell = ({ asked, liveMib, residentMib, books: { orders, open, receipts } }: SoakLook): void =>
    console.error(
      `gateway-load: ${asked} replies, ${liveMib.toFixed(1)} MiB held, ${residentMib.toFixed(0)} MiB resident, ${orders} orders, ${open} open, ${receipts} receipts`,
    );
  const watched = await measureSoak(replies, tell);
  const problems = judgeGatewaySoak(watched);
  for (const problem of problems) console.error(`gateway-load: ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
  return listSoakRows(watched);
}

const rows =
  values.soak === undefined
    ? await measureLoad({
        replies: Number(values.replies),
        long: Number(values.long),
        onProgress: (what) => console.error(`gateway-load: ${what}`),
      })
    : await soak(Number(values.soak));
console.log(values.json ? JSON.stringify(rows) : formatRows(rows));
