import { readFileSync } from 'node:fs';
import { escrowAmount } from '@ogong/host/config/values';
import { explainFile } from '@ogong/host/log/errors';
import { z } from 'zod';
import { type OwnSettings, ownSettingsShape, pickOwnSettings } from '../engine/own-settings.ts';
import { type PlannedOffer, planOffers } from './orders/planned-offers.ts';

/** A model of a provider that loads its models when they are asked for, with settings of its own. */
export interface ServedEntry extends PlannedOffer, OwnSettings {}

/** An announcement holds no more. */
const MAX_SERVED = 64;
const LARGEST_FILE = 256 * 1024;

const amount = z.string({ error: 'expected an amount in quotes, such as "0.001"' }).pipe(escrowAmount);

const servedModel = z.strictObject({
  model: z.string().min(1),
  modelId: z.string().min(1),
  price: amount,
  standby: amount.optional(),
  ...ownSettingsShape,
});

/** The file of --served-models (docs/served-models.md). */
const servedModelsFile = z.strictObject({ models: z.array(servedModel).min(1).max(MAX_SERVED) });

/** @param problems problems are added to it. */
export function readServedModels(path: string, problems: string[], read = readText): readonly ServedEntry[] {
  const refuse = (what: string): readonly ServedEntry[] => {
    problems.push(`--served-models ${path}: ${what}`);
    return [];
  };
  let value: unknown;
  try {
    const text = read(path);
    if (text.length > LARGEST_FILE) return refuse(`larger than ${LARGEST_FILE} bytes`);
    value = JSON.parse(text);
  } catch (error) {
    return refuse(error instanceof SyntaxError ? `no JSON: ${error.message}` : explainFile(error));
  }
  const parsed = servedModelsFile.safeParse(value);
  if (!parsed.success) {
    for (const { path: at, message } of parsed.error.issues) refuse(`${at.join('.') || 'the file'}: ${message}`);
    return [];
  }
  const { models } = parsed.data;
  const wrong: string[] = [];
  const planned = planOffers(
    {
      model: models.map(({ model }) => model),
      modelId: models.map(({ modelId }) => modelId),
      price: models.map(({ price }) => price),
      standby: models.map(({ standby }) => standby),
    },
    wrong,
  );
  for (const problem of wrong) refuse(problem.replace(/^--model-id/, 'modelId'));
  return planned.map((offer, i) => ({ ...offer, ...pickOwnSettings(models[i] ?? {}) }));
}

const readText = (path: string): string => readFileSync(path, 'utf8');
