// npm run tell-apart: measures who can tell a honeypot from a job, with half, nearly all, and all replies audited.
import { parseArgs } from 'node:util';
import { measureTells } from './tell-apart.ts';
import { listTraffic } from './traffic.ts';
import { renderTellTable } from './verifier-tables.ts';

const HELP = `usage: npm run tell-apart [-- options]

Plays networks and measures whether verifiers can tell a honeypot from a job. The defaults take some minutes.

  --epochs N    epochs of traffic in each network [default: 8]
  --worlds N    networks for each coverage, an even number [default: 12]
  --seed N      of the first network [default: 1]
  --help
`;

const readCount = (text: string, name: string): number => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  console.error(`--${name} takes a whole number from 1 on, not ${text}`);
  process.exit(2);
};

const readArguments = () =>
  parseArgs({
    options: {
      epochs: { type: 'string', default: '8' },
      worlds: { type: 'string', default: '12' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  }).values;

let values: ReturnType<typeof readArguments>;
try {
  values = readArguments();
} catch (error) {
  console.error(`${(error as Error).message}\n\n${HELP}`);
  process.exit(2);
}
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const seed = readCount(values.seed, 'seed');
const span = { epochs: readCount(values.epochs, 'epochs'), worlds: readCount(values.worlds, 'worlds') };
if (span.worlds % 2 !== 0) {
  console.error(`--worlds takes an even number, not ${span.worlds}: half of them train the classifier`);
  process.exit(2);
}
for (const traffic of listTraffic(span)) {
  const { alphaPpm, worlds } = traffic;
  console.log(`${alphaPpm / 1e4} % of all replies audited, ${worlds} networks, seeds from ${seed} on:\n`);
  console.log(`${renderTellTable(await measureTells({ seed, ...traffic }))}\n`);
}
