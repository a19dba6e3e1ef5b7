import { EVERYTHING } from './inputs.ts';
import { PICTURE_MODELS } from './named-inputs.ts';

/** One part of the tests. */
export interface Part {
  /** A few words for the log. */
  readonly title: string;
  /** The Vitest project of its test files; each of them is a unit of its own. Without it the part is one unit. */
  readonly project?: string;
  /** The command of a part without a project. */
  readonly command?: readonly string[];
  readonly cwd?: string;
  /** 0 to 19; a higher one leaves more processor time to other parts. */
  readonly niceness?: number;
  /** `npm test` without words runs it. */
  readonly isUsual?: boolean;
  /** Modules that a part without a project starts. */
  readonly entries?: readonly string[];
  /** Files and directories that it reads. */
  readonly inputs?: readonly string[];
}

const node = process.execPath;
const lab = (entry: string, ...words: string[]): readonly string[] => [
  node,
  '--disable-warning=ExperimentalWarning',
  entry,
  ...words,
];
const DEMO = 'lab/src/demo/main.ts';
const SIMULATOR = 'lab/src/simulator/main.ts';

/** In the order in which they run. */
export const PARTS: Readonly<Record<string, Part>> = {
  check: { title: 'static checks', command: [node, 'scripts/check.ts'], isUsual: true, inputs: [EVERYTHING] },
  fast: { title: 'fast tests', project: 'fast', isUsual: true },
  simulation: { title: 'attackers and verifiers played', project: 'simulation', isUsual: true },
  process: { title: 'tests that start processes', project: 'process' },
  contracts: {
    title: 'contracts',
    command: [node, '../node_modules/hardhat/dist/src/cli.js', 'test'],
    cwd: 'contracts',
    inputs: [
      ...['contracts/src', 'contracts/test', 'contracts/package.json', 'contracts/compiler.ts'],
      ...['contracts/test-compiler.ts', 'contracts/hardhat.config.ts'],
    ],
    niceness: 10,
  },
  seeds: {
    title: 'four simulated networks',
    command: lab(SIMULATOR, '--seed', '1', '--seeds', '4', '--budget', '120', '--no-shrink'),
    entries: [SIMULATOR],
    niceness: 10,
  },
  model: { title: 'tests on real weights', project: 'model' },
  e2e: { title: 'tests of whole processes', project: 'e2e' },
  demo: {
    title: 'the demo',
    // lab/src/demo/shards and lab/src/demo/hub have e2e tests of their scenes.
    command: lab(DEMO, '--once', '--shards', 'off', '--hub', 'off', '--json', 'summary.json'),
    entries: [DEMO],
    inputs: [PICTURE_MODELS],
  },
};

/** Parts that only compute: they run behind the others, which wait for chains, clocks and each other. */
export const BEHIND: readonly string[] = ['contracts', 'seeds'];
