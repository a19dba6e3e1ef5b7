import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Values } from '@ogong/host/config/field';
import { amountForm, atomicAmount, boolean, decimal, integer, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { EvaluationHeader } from '@ogong/hub/evaluation/evaluation-lines';
import { MAX_ANSWER_TOKENS } from '@ogong/hub/evaluation/evaluation-set';
import { computeFigures } from '@ogong/hub/evaluation/figures';
import { OWN_SET } from '@ogong/hub/evaluation/own-set';
import { formatTokens } from '@ogong/protocol/base/amount';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import { createClient, GatewayApiError, ReceiptError } from '@ogong/sdk';
import { addChainTrust, loadTrust, type OpenedTrust, trustFields } from '../../chain-trust.ts';
import { findGatewayUrl, gatewayField } from '../../mesh/gateway-place.ts';
import { formatFailed } from '../../print-checks.ts';
import { assertWritable } from '../../user-files.ts';
import { interruptible } from '../interruptible.ts';
import { computeCost, createBudget } from './evaluation-cost.ts';
import { openEvaluationPart } from './evaluation-part.ts';
import { type RunState, runQuestions } from './evaluation-run.ts';
import { createRowLine, formatFigures, formatSet } from './evaluation-words.ts';
import { findGatewayModel } from './gateway-models.ts';
import { readSetFile } from './set-file.ts';

const program = 'ogong hub evaluate';

const fields = {
  gateway: gatewayField,
  apiKey: { schema: text, secret: true, env: 'OGONG_API_KEY', description: 'key of the gateway, if it requires one' },
  set: {
    schema: text,
    label: '<path>',
    description: 'JSON Lines file with questions (docs/spec/evaluation.md); thirty short ones if not given',
  },
  out: { schema: text, label: '<path>', required: true, description: 'file for the evaluation, which must not exist' },
  maxTokens: {
    schema: integer({ min: 1, max: MAX_ANSWER_TOKENS }),
    default: '256',
    description: 'longest answer to a question that names none',
  },
  temperature: {
    schema: decimal({ max: 2 }),
    default: '0',
    description: 'sampling temperature; 0 takes the most likely token',
  },
  seed: { schema: integer(), default: '1', description: 'seed of all requests' },
  concurrency: { schema: integer({ min: 1, max: 64 }), default: '4', description: 'questions that are asked at once' },
  maxPrice: { schema: atomicAmount, label: '<amount>', description: `highest price of 1,000 tokens, ${amountForm}` },
  maxCost: {
    schema: atomicAmount,
    label: '<amount>',
    description: `ask no question that could bring the cost of this call above this amount, ${amountForm}; needs --max-price`,
  },
  resume: { schema: boolean, boolean: true, description: 'continue an evaluation that was not finished' },
  dryRun: { schema: boolean, boolean: true, description: 'ask nothing: show the highest cost' },
  json: jsonField,
  ...trustFields,
} as const;

export const evaluateConfig = defineConfig({
  name: program,
  examples: [
    'ogong hub evaluate acme/small --out evaluation.jsonl',
    'ogong hub evaluate ogong/verified/acme/small --set sums.jsonl --max-price 0.002 --max-cost 0.5 --out evaluation.jsonl',
  ],
  summary:
    'Asks the network each question of a set, checks the receipt of each answer, and writes questions, answers, scores and\n' +
    'receipts to one file. Anybody can check it with ogong hub check-evaluation.',
  fields,
  positionals: { label: '<maker/model or model id>', min: 1, max: 1 },
});

type EvaluateValues = Values<typeof fields>;

export async function evaluateModel(argv: readonly string[], output: Output): Promise<number> {
  const parsed = evaluateConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  if (values.maxCost !== undefined && values.maxPrice === undefined)
    throw new ConfigError(program, ['--max-cost needs --max-price: without it a provider may ask any price']);
  assertWritable(program, 'out', values.out);
  const set = readSetFile(program, values.set ?? OWN_SET);
  const baseUrl = new URL(findGatewayUrl(values)).origin;
  const asked = { program, baseUrl, apiKey: values.apiKey?.reveal() };
  const { model, pricePer1kAtomic: listed, warning } = await findGatewayModel(positionals[0] as string, asked);
  if (isAttestedTier(model.split('/')[1] ?? ''))
    throw new ConfigError(program, [`${model}: requests of this tier are sealed, so nobody else could check them`]);
  const { temperature, seed, maxTokens, maxPrice } = values;
  const header = { model, set, parameters: { temperature, seed, maxTokens, maxPrice: maxPrice?.toString() } };
  const isOfMesh = (mesh: { readonly gatewayUrl: string }) => new URL(mesh.gatewayUrl).origin === baseUrl;
  const opened = await loadTrust(program, values, isOfMesh);
  const pricePer1kAtomic = maxPrice ?? listed;
  const cost =
    pricePer1kAtomic === undefined
      ? 'at a price that the gateway does not list'
      : `at most ${formatAmount(computeCost(set.questions, { header, pricePer1kAtomic }), opened)} at ${formatAmount(pricePer1kAtomic, opened)} per 1,000 tokens`;
  output.writeError(`${model}: ${formatSet(set)}\n${cost}\n${warning === undefined ? '' : `${warning}\n`}`);
  if (values.dryRun) return EXIT.ok;
  const task = { values, header, opened, output, asked, pricePer1kAtomic: pricePer1kAtomic ?? 0n };
  return interruptible((signal) => evaluate(task, signal));
}

const formatAmount = (atomic: bigint, { paidUnit }: Pick<OpenedTrust, 'paidUnit'>): string =>
  `${formatTokens(atomic)} ${paidUnit ?? 'OGONG'}`;

interface EvaluateTask {
  readonly values: EvaluateValues;
  readonly header: EvaluationHeader;
  readonly opened: OpenedTrust;
  readonly output: Output;
  readonly asked: { readonly baseUrl: string; readonly apiKey: string | undefined };
  readonly pricePer1kAtomic: bigint;
}

async function evaluate(task: EvaluateTask, signal: AbortSignal): Promise<number> {
  const { values, header, opened, output, asked, pricePer1kAtomic } = task;
  const { out: path, resume } = values;
  const budget = createBudget(header, { maxCostAtomic: values.maxCost, pricePer1kAtomic });
  const part = await openEvaluationPart(header, { program, path, resume });
  const show = createRowLine(output);
  const client = createClient({
    baseUrl: asked.baseUrl,
    ...(asked.apiKey !== undefined && { apiKey: asked.apiKey }),
    readTrust: (receipt) => addChainTrust(opened, receipt),
  });
  try {
    const state = await runQuestions({
      ...{ client, header, part, budget, signal, concurrency: values.concurrency },
      onRow: ({ counted, right, lost }) =>
        show(counted + lost.length, header.set.questions.length, `  ${right} right, ${lost.length} lost`),
    });
    const spent = formatAmount(budget.spentAtomic, opened);
    if (state.stopped !== undefined) {
      const reason = state.stopped === 'cost' ? '--max-cost leaves no money for the next question' : 'interrupted';
      output.writeError(
        `${program}: ${reason}; ${state.counted} rows are kept, cost ${spent}: continue with --resume\n`,
      );
      return state.stopped === 'cost' ? EXIT.temporary : EXIT.interrupted;
    }
    return await conclude(state, { ...task, part, spent, costAtomic: budget.spentAtomic });
  } catch (error) {
    return explain(error, output);
  } finally {
    await part.close();
  }
}

interface Conclusion extends Pick<EvaluateTask, 'values' | 'header' | 'output'> {
  readonly part: Awaited<ReturnType<typeof openEvaluationPart>>;
  readonly spent: string;
  readonly costAtomic: bigint;
}

async function conclude(state: RunState, { values, header, output, part, spent, costAtomic }: Conclusion) {
  const { modelRoot, counted, right, lost } = state;
  if (modelRoot === undefined) {
    const [first] = lost;
    output.writeError(`${program}: no answer has a receipt that holds: ${first?.id}: ${first?.problem}\n`);
    return EXIT.unavailable;
  }
  const figures = computeFigures({ modelRoot, counted, right, questions: header.set.questions.length });
  const hash = await part.finish({ lost, figures });
  if (values.json) {
    const { model, set } = header;
    const shown = { file: values.out, hash, model, set: { name: set.name, version: set.version, hash: set.hash } };
    printJson(output, { ...shown, ...figures, costAtomic: costAtomic.toString(), lost: lost.map(({ id }) => id) });
  } else output.write(`${formatFigures(figures, lost)}root ${modelRoot}\nhash ${hash}\ncost ${spent}\n`);
  return EXIT.ok;
}

/** The rows so far are kept in each case. */
function explain(error: unknown, output: Output): number {
  if (error instanceof ReceiptError) {
    output.writeError(`${program}: ${error.message}\n${formatFailed(error.checks)}`);
    return EXIT.configuration;
  }
  if (error instanceof GatewayApiError) {
    output.writeError(`${program}: ${error.message}; continue with --resume\n`);
    return error.retryable ? EXIT.temporary : EXIT.unavailable;
  }
  throw error;
}
