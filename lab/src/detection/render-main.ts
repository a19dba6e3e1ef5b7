// Renders page, tables and plots again from results.json, or every figure of every attack as CSV.
import { readFileSync, writeFileSync } from 'node:fs';
import { renderDetection } from './report/render-detection.ts';
import { formatAttacksCsv } from './report/results-csv.ts';
import { parseResults } from './report/results-json.ts';

const [file, target] = process.argv.slice(2);
if (file === undefined || target === undefined) {
  console.error('usage: node lab/src/detection/render-main.ts RESULTS.json DIRECTORY|FILE.csv');
  process.exit(2);
}
const results = parseResults(readFileSync(file, 'utf8'));
if (target.endsWith('.csv')) {
  writeFileSync(target, formatAttacksCsv([...results.attacks, ...results.otherPairs]));
  console.log(target);
} else {
  for (const path of await renderDetection(results, target)) console.log(path);
}
