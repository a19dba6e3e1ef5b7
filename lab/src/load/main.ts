// npm run gateway-load: the part load of the bench by itself. --replies N for the length of a round, --long N for replies in the run that
// watches memory, --soak N for memory over so many replies and nothing else, --json for the rows.
import { parseArgs } from 'node:util';
import { formatTable } from '../bench/row.ts';
import { measureLoad, measureSoak } from './load-rows.ts';

const { values } = parseArgs({
  options: {
    replies: { type: 'string', default: '256' },
    long: { type: 'string', default: '2000' },
    soak: { type: 'string' },
    json: { type: 'boolean' },
  },
});
const rows =
  values.soak === undefined
    ? await measureLoad({
        replies: Number(values.replies),
        long: Number(values.long),
        onProgress: (what) => console.error(`gateway-load: ${what}`),
      })
    : await measureSoak(Number(values.soak));
console.log(values.json ? JSON.stringify(rows) : formatTable(rows));
