import { EXIT } from '@ogong/host/log/errors';
import type { Command, Output } from '../command.ts';
import { searchShapeClasses } from './calibrate-classes.ts';
import { planAlpha } from './calibrate-plan.ts';
import { publishTable } from './calibrate-publish.ts';
import { runCalibration } from './calibrate-run.ts';
import { buildTable, compareFiles, mergeFiles, showTable, signTable } from './calibrate-table.ts';

type Verb = (argv: readonly string[], output: Output) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = {
  run: runCalibration,
  build: buildTable,
  show: showTable,
  plan: planAlpha,
  diff: compareFiles,
  sign: signTable,
  merge: mergeFiles,
  publish: publishTable,
  classes: searchShapeClasses,
};

export const calibrateCommand: Command = {
  name: 'calibrate',
  summary:
    'measure honest drift on this hardware; build, show, diff, sign, merge, publish drift tables; plan audits; find pass classes',
  async run([verb = '', ...rest], output) {
    // Without a verb, flags follow: it measures.
    if (verb === '' || verb.startsWith('-')) return runCalibration([verb, ...rest].filter(Boolean), output);
    const found = VERBS[verb];
    if (found) return found(rest, output);
    output.writeError(`ogong calibrate: there is no ${verb}; say ${Object.keys(VERBS).join(', ')}\n`);
    return EXIT.usage;
  },
};
