import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, decimal, integer, text } from '@ogong/host/config/values';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { describeFailure } from '@ogong/host/log/errors';
import { engineFields, loadModelOf, SCORES_ONLY } from '@ogong/provider/engine/engine-config';
import { textModality } from '@ogong/provider/modality/text/text';
import { assertWritable } from '../user-files.ts';
import { compareEndpoint, type EndpointComparison } from './compare.ts';
import { drawComparison } from './draw-comparison.ts';
import { openEndpoint, openReferenceEndpoint } from './endpoint.ts';
import { createLocalReference } from './local-reference.ts';
import type { Reference } from './party.ts';
import { formatComparison, formatProgress, reportComparison } from './report.ts';

/** 0: it serves the first reference. 1: it does not. 2: there is nothing to compare. 3: it cannot tell. */
export const COMPARE_EXIT = { same: 0, different: 1, unusable: 2, undecided: 3 } as const;

const { modelsDir, hubEndpoint, hubToken, verify, backend, kvType, isa, threads, nCtx } = engineFields;

const config = defineConfig({
  name: 'ogong compare',
  summary:
    'Asks an endpoint that shows log-probabilities, and says whether it serves the model that it names. It is compared with\n' +
    'one reference or more: models on this machine, or other endpoints. Name the model that it claims to serve first, then others that it\n' +
    'could be, such as smaller quantisations. Exits with 0 if it serves the first reference, 1 if not, 3 if it cannot\n' +
    'tell within the budget, 2 if there is nothing to compare.',
  fields: {
    budget: {
      schema: integer({ min: 1, max: 10_000 }),
      default: '200',
      description: 'the most replies to request',
    },
    level: {
      schema: decimal({ min: 1e-9, max: 0.5 }),
      default: '0.001',
      description: 'chance of a wrong verdict that you accept, however long it takes',
    },
    tolerance: {
      schema: decimal({ min: 0, max: 8 }),
      default: '0.15',
      description:
        'nats for each token that machines may differ by; a reference that is nearer to the first one than this takes its place',
    },
    share: {
      schema: decimal({ min: 0.001, max: 0.999 }),
      default: '0.25',
      description:
        'it serves the first reference where fewer than this share of the replies are something else; less asks for more replies',
    },
    chat: {
      schema: boolean,
      boolean: true,
      description: 'ask by chats; if not given, only if there are no completions',
    },
    apiKey: { schema: text, secret: true, env: 'OGONG_API_KEY', description: 'key of the endpoint under test' },
    referenceKey: {
      schema: text,
      secret: true,
      env: 'OGONG_REFERENCE_KEY',
      description: 'key of endpoints that are references',
    },
    seed: { schema: text, label: '<text>', description: 'draws the prompts; printed, random if not given' },
    plot: { schema: text, label: '<file.svg>', description: 'write a picture of the distances' },
    json: { ...jsonField, description: 'print the finding as JSON' },
    ...{ modelsDir, hubEndpoint, hubToken, verify, backend, kvType, isa, threads, nCtx },
  },
  positionals: { label: '<endpoint> <reference>', min: 2, max: 9 },
  examples: [
    'ogong compare https://api.example.com/v1#their-name stories15M',
    'ogong compare http://127.0.0.1:11434/v1 hf:owner/repo:f16 hf:owner/repo:q8_0 hf:owner/repo:q4_0',
    'ogong compare https://one.example.com/v1#name https://other.example.com/v1#name --plot distances.svg',
  ],
});

type Values = Extract<ReturnType<typeof config.parse>, { readonly values: unknown }>['values'];

export const compareCommand: Command = {
  name: 'compare',
  summary: 'does an endpoint serve the model that it names?',
  async run(argv, output) {
    try {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return COMPARE_EXIT.same;
      }
      return await run(parsed.values, parsed.positionals, output);
    } catch (error) {
      output.writeError(`ogong compare: ${describeFailure(error)}\n`);
      return COMPARE_EXIT.unusable;
    }
  },
};

async function run(values: Values, [suspect, ...named]: readonly string[], output: Output): Promise<number> {
  if (values.plot !== undefined) assertWritable('ogong compare', 'plot', values.plot);
  const { budget, level, tolerance, share, seed = randomBytes(8).toString('hex') } = values;
  const references: Reference[] = [];
  try {
    const { apiKey, chat: asChat } = values;
    const endpoint = await openEndpoint({ ...splitModel(suspect as string), apiKey: apiKey?.reveal(), asChat });
    for (const name of named) references.push(await openReference(name, values));
    const names = references.map(({ name }) => name);
    const onReply = (comparison: EndpointComparison): void =>
      output.writeError(formatProgress(comparison, { names, budget }));
    const found = await compareEndpoint(endpoint, references, { budget, level, tolerance, share, seed, onReply });
    const report = reportComparison(found, { endpoint: endpoint.name, names, level, tolerance, share, seed });
    if (values.plot !== undefined) writeFileSync(values.plot, drawComparison(found, { names, tolerance }));
    if (values.json) printJson(output, report);
    else output.write(formatComparison(report));
    if (found.verdict.kind === 'same') return COMPARE_EXIT.same;
    return found.verdict.kind === 'undecided' ? COMPARE_EXIT.undecided : COMPARE_EXIT.different;
  } finally {
    await Promise.all(references.map((reference) => reference.close()));
  }
}

async function openReference(name: string, values: Values): Promise<Reference> {
  if (isAddress(name)) return openReferenceEndpoint({ ...splitModel(name), apiKey: values.referenceKey?.reveal() });
  const log = { info: () => {}, warn: () => {} };
  const { engine, model } = await loadModelOf(textModality, name, { ...values, ...SCORES_ONLY, sequences: 1 }, { log });
  return createLocalReference(model.name, engine);
}

const isAddress = (name: string): boolean => /^https?:\/\//.test(name);

/** The part after `#` is the model's name at that endpoint. */
function splitModel(address: string): { readonly url: string; readonly model: string | undefined } {
  const url = isAddress(address) ? address : `http://${address}`;
  const at = url.indexOf('#');
  return at < 0 ? { url, model: undefined } : { url: url.slice(0, at), model: decodeURIComponent(url.slice(at + 1)) };
}
