import { readFileSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { explainFile } from '@ogong/host/log/errors';
import { z } from 'zod';
import { type OwnSettings, ownSettingsShape } from '../engine/own-settings.ts';
import { MODALITIES } from '../modality/registry.ts';

/** One model of `--served-models` in local mode. */
export interface ServedSetModel extends OwnSettings {
  /** Name in requests. */
  readonly id: string;
  /** As for `--model`. */
  readonly model: string;
}

const MAX_MODELS = 64;
const LARGEST_TEXT = 256 * 1024;
const KINDS = MODALITIES.map(({ specificationVersion }) => specificationVersion.replace(/-v\d+$/, ''));

const entry = z
  .strictObject({
    id: z
      .string()
      .regex(/^[\w./@:-]{1,160}$/, 'expected 1 to 160 of a-z A-Z 0-9 . _ / @ : -')
      .optional(),
    model: z.string().min(1).optional(),
    path: z.string().min(1).optional(),
    kind: z
      .string()
      .refine(
        (kind) => KINDS.includes(kind.toLowerCase()),
        'this server answers texts, embeddings, pictures and tensors; leave the model out',
      )
      .optional(),
    args: z
      .array(z.string())
      .max(
        0,
        'the engine takes no flags of llama-server: use nCtx, batchSize and other fields of docs/served-models.md, or name that server by --upstream',
      )
      .optional(),
    ...ownSettingsShape,
  })
  .refine(({ model, path }) => (model === undefined) !== (path === undefined), 'expected either model or path');

const list = z.array(entry).min(1).max(MAX_MODELS);
const servedSet = z.union([list, z.strictObject({ models: list }).transform(({ models }) => models)]);

/**
 * Reads the models of `--served-models`: a JSON array, `{"models": [...]}`, or a file with one of these.
 * @throws ConfigError
 */
export function readServedSet(command: string, given: string): readonly ServedSetModel[] {
  const isInline = /^\s*[[{]/.test(given);
  const refuse = (...problems: readonly string[]): ConfigError =>
    new ConfigError(
      command,
      problems.map((problem) => `--served-models${isInline ? '' : ` ${given}`}: ${problem}`),
    );
  let value: unknown;
  try {
    const text = isInline ? given : readFileSync(given, 'utf8');
    if (text.length > LARGEST_TEXT) throw refuse(`larger than ${LARGEST_TEXT} bytes`);
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw refuse(error instanceof SyntaxError ? `no JSON: ${error.message}` : explainFile(error));
  }
  const parsed = (Array.isArray(value) ? list : servedSet).safeParse(value);
  if (!parsed.success) throw refuse(...parsed.error.issues.map((issue) => describeIssue(issue)));
  const models = parsed.data.map(({ id, model, path = '', kind: _kind, args: _args, ...own }) => {
    const reference = model ?? path;
    return { id: id ?? reference, model: reference, ...own };
  });
  for (const field of ['id', 'model'] as const) {
    const values = models.map((each) => each[field]);
    const twice = values.find((each, i) => values.indexOf(each) !== i);
    if (twice !== undefined) throw refuse(`${field} ${twice} is given more than once`);
  }
  return models;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  // Of a union the object's problems count: an array is parsed by itself.
  const inner = issue.code === 'invalid_union' ? issue.errors.at(-1)?.[0] : undefined;
  const { path, message } = inner ?? issue;
  return `${path.join('.') || 'the JSON'}: ${message}`;
}
