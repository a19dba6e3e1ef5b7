// Everything that CI runs, fastest parts first. `npm test -- fast model` runs only the named parts.
import { runSteps, type Step } from './steps.ts';

const node = process.execPath;
const parts: Readonly<Record<string, Step>> = {
  check: { name: 'static checks', command: [node, 'scripts/check.ts'] },
  fast: { name: 'fast tests', command: ['vitest', 'run', '--project', 'fast'] },
  process: { name: 'tests that start processes', command: ['vitest', 'run', '--project', 'process'] },
  simulation: { name: 'attackers and verifiers played', command: ['vitest', 'run', '--project', 'simulation'] },
  contracts: {
    name: 'contracts',
    command: [node, '../node_modules/hardhat/dist/src/cli.js', 'test'],
    cwd: 'contracts',
  },
  model: { name: 'tests on real weights', command: ['vitest', 'run', '--project', 'model'] },
  // One network at a time: each of them takes all cores.
  e2e: { name: 'tests of whole processes', command: ['vitest', 'run', '--project', 'e2e', '--no-file-parallelism'] },
};

/** The compiler takes one core for minutes; whole processes wait more than they compute. */
const BESIDE: Readonly<Record<string, string>> = { e2e: 'contracts' };

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
if (asked.includes('--help') || unknown.length > 0) {
  if (unknown.length > 0 && !asked.includes('--help')) console.error(`unknown part: ${unknown.join(', ')}`);
  console.log(
    `usage: npm test [-- ${Object.keys(parts).join(' | ')} ...]\nWithout a name, all of them run, in this order, and contracts beside e2e.`,
  );
  process.exit(asked.includes('--help') ? 0 : 2);
}
const names = asked.length > 0 ? asked : Object.keys(parts);
const follows = new Set(names.map((name) => BESIDE[name]));
await runSteps(
  'test',
  names
    .filter((name) => !follows.has(name))
    .map((name) => {
      const beside = parts[names.find((other) => other === BESIDE[name]) ?? ''];
      return { ...(parts[name] as Step), ...(beside && { beside }) };
    }),
);
