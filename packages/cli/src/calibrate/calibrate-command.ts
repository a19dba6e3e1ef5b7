import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { searchShapeClasses } from './calibrate-classes.ts';
import { calibratePictures } from './calibrate-pictures.ts';
import { planAlpha } from './calibrate-plan.ts';
import { publishTable } from './calibrate-publish.ts';
import { runCalibration } from './calibrate-run.ts';
import { buildTable, compareFiles, mergeFiles, showTable, signTable } from './calibrate-table.ts';

export const calibrateCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'calibrate',
  summary: 'honest drift on this hardware, and the tables of it',
  // Without a verb it measures.
  bare: runCalibration,
  verbs: {
    run: { summary: 'measure, and write a drift table', run: runCalibration },
    build: { summary: 'write a table from samples that are there', run: buildTable },
    show: { summary: 'print a table', run: showTable },
    plan: { summary: 'frequency and cost of audits', run: planAlpha },
    diff: { summary: 'differences between two tables', run: compareFiles },
    sign: { summary: 'sign a table', run: signTable },
    merge: { summary: 'make one table of several', run: mergeFiles },
    publish: { summary: 'put the hash of a table on the chain', run: publishTable },
    pictures: { summary: 'measure a model of pictures', run: calibratePictures },
    classes: { summary: 'find pass classes of a GPU', run: searchShapeClasses },
  },
  examples: ['ogong calibrate run --help', 'ogong calibrate show table.json'],
});
