import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Output } from '@ogong/host/lifecycle/command';
import { CONFIG_FILE, isTransformersFolder } from '@ogong/models/transformers-folder';
import { convertModel } from '../../convert/convert-model.ts';
import { interruptible } from '../interruptible.ts';
import { type PushPlan, planPush } from '../push-plan.ts';

/** Files for readers that go with each form of a model. */
const PAPERS = /^(?:readme(?:\.md|\.txt)?|licen[cs]e(?:\.md|\.txt)?|notice(?:\.txt)?)$/i;

/** Returns whether a plan is that of weights which no engine opens before they are converted. */
export const needsConversion = ({ folder, files }: PushPlan): boolean =>
  isTransformersFolder(folder) &&
  files.some(({ path }) => path === CONFIG_FILE) &&
  !files.some(({ format }) => format === 'gguf' || format === 'onnx');

/** The model of the same maker that has the converted weights. */
export const nameConverted = (model: string): string => `${model}-gguf`;

interface ConversionTask {
  /** Name of the model that is converted. */
  readonly model: string;
  /** Folder for work in progress of this machine. */
  readonly workFolder: string;
  readonly output: Output;
}

/**
 * Converts the model of a plan, and runs a call with the plan of its GGUF file. Licence, notices and README go with it. The files are
 * removed afterwards, because the store has them then.
 * @throws ModelError, and the errors of the call.
 */
export async function withConverted<T>(
  plan: PushPlan,
  { model, workFolder, output }: ConversionTask,
  run: (converted: PushPlan) => Promise<T>,
): Promise<T> {
  // A folder of the same name is left of a killed push.
  const folder = join(workFolder, nameConverted(model));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    await interruptible((signal) => convertModel(plan.folder, join(folder, `${model}.gguf`), { output, signal }));
    for (const { path } of plan.files.filter(({ path }) => PAPERS.test(path)))
      copyFileSync(join(plan.folder, path), join(folder, basename(path)));
    return await run(planPush(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
