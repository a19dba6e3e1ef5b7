// Renders page, tables and plots again from results.json.
import { readFileSync } from 'node:fs';
import { renderDetection } from './report/render-detection.ts';
import { parseResults } from './report/results-json.ts';

const [file, directory] = process.argv.slice(2);
if (file === undefined || directory === undefined) {
  console.error('usage: node lab/src/detection/render-main.ts RESULTS.json DIRECTORY');
  process.exit(2);
}
for (const path of await renderDetection(parseResults(readFileSync(file, 'utf8')), directory)) console.log(path);
