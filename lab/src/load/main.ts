// npm run gateway-load: the part load of the bench by itself. --replies N for the length of a round, --long N for replies in the run that
// watches memory, --json for the rows.
import { parseArgs } from 'node:util';
import { formatTable } from '../bench/row.ts';
import { measureLoad } from './load-rows.ts';

const { values } = parseArgs({
  options: {
    replies: { type: 'string', default: '256' },
    long: { type: 'string', default: '2000' },
    json: { type: 'boolean' },
  },
});
const rows = await measureLoad({
  replies: Number(values.replies),
  long: Number(values.long),
  onProgress: (what) => console.error(`gateway-load: ${what}`),
});
console.log(values.json ? JSON.stringify(rows) : formatTable(rows));
