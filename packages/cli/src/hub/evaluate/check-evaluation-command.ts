import { createBeaconMemo } from '@ogong/gateway/buy/check/beacon-memo';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { checkEvaluation, type EvaluationVerdict, type VerifyRow } from '@ogong/hub/evaluation/check-evaluation';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { type Check, check } from '@ogong/protocol/base/checks';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
import { addChainTrust, loadTrust, type OpenedTrust, trustFields } from '../../chain-trust.ts';
import { formatChecks } from '../../print-checks.ts';
import { VERIFY_EXIT } from '../../verify-command.ts';
import { fromField } from '../open-places.ts';
import { hashFile, readEvaluationLines } from './evaluation-part.ts';
import { createRowLine, formatFigures, formatSet } from './evaluation-words.ts';
import { checkManifestOf } from './manifest-check.ts';
import { readSetFile } from './set-file.ts';

const program = 'ogong hub check-evaluation';

export const checkConfig = defineConfig({
  name: program,
  examples: [
    'ogong hub check-evaluation evaluation.jsonl --of acme/small --deployment deployment.json',
    'ogong hub check-evaluation evaluation.jsonl --set sums.jsonl --trust trust.json',
  ],
  summary:
    'Checks an evaluation without asking its author or any model: each receipt, that each request is the question of the set,\n' +
    'and that scores and figures follow from the answers. Exits as ogong verify does.',
  fields: {
    set: { schema: text, label: '<path>', description: 'the set that the evaluation has to be about' },
    of: {
      schema: text,
      label: '<maker/model[@version]>',
      description: 'model whose manifest has to name the evaluation; needs --deployment',
    },
    ...fromField,
    ...modelsDirField,
    json: jsonField,
    ...trustFields,
  },
  positionals: { label: '<evaluation.jsonl>', min: 1, max: 1 },
});

export async function checkEvaluationFile(argv: readonly string[], output: Output): Promise<number> {
  const parsed = checkConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const path = positionals[0] as string;
  const set = values.set === undefined ? undefined : readSetFile(program, values.set);
  const opened = await loadTrust(program, values, () => true);
  const show = createRowLine(output);
  let found: EvaluationVerdict;
  try {
    found = await checkEvaluation(readEvaluationLines(path), {
      ...{ crypto, verify: createRowCheck(opened) },
      onRow: (done, all) => show(done, all, ' rows checked'),
    });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    output.writeError(`${program}: ${path}: ${error.message}\n`);
    return VERIFY_EXIT.unusable;
  }
  const hash = await hashFile(path);
  const own = [
    ...(set === undefined ? [] : [checkSet(found, set.hash)]),
    ...(values.of === undefined
      ? []
      : [await checkManifestOf({ ...values, program, of: values.of }, { hash, modelRoot: found.modelRoot })]),
  ];
  const verdict = {
    ...found,
    ok: found.ok && own.every(({ status }) => status === 'pass'),
    checks: [...own, ...found.checks],
  };
  report(output, { verdict, hash, isJson: values.json });
  if (verdict.ok) return VERIFY_EXIT.ok;
  return verdict.checks.some(({ status }) => status === 'fail') ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
}

/** All receipts of an evaluation share few beacons. */
function createRowCheck(opened: OpenedTrust): VerifyRow {
  const verifyBeacon = createBeaconMemo();
  const nowMs = Date.now();
  return async ({ receipt, request, response }) => {
    const trust = await addChainTrust(opened, receipt);
    return verifyWithoutBlobs(receipt, { crypto, request, response, trust, nowMs, verifyBeacon });
  };
}

function checkSet({ header }: EvaluationVerdict, expected: string): Check {
  const { hash } = header.set;
  return check('set', hash === expected, [
    'the set is the named one',
    `the set is ${hash}, and the named one is ${expected}`,
  ]);
}

interface Report {
  readonly verdict: EvaluationVerdict;
  /** SHA-256 of the file, hex. */
  readonly hash: string;
  readonly isJson: boolean;
}

function report(output: Output, { verdict, hash, isJson }: Report): void {
  const { ok, checks, missing, header, figures, lost } = verdict;
  if (isJson) {
    const { name, version, licence, hash: setHash } = header.set;
    const shown = { ok, hash, model: header.model, set: { name, version, licence, hash: setHash } };
    const { parameters } = header;
    printJson(output, {
      ...shown,
      parameters,
      figures,
      lost: lost.map(({ id, problem }) => ({ id, problem })),
      checks,
      missing,
    });
    return;
  }
  const { temperature, seed, maxTokens } = header.parameters;
  output.write(formatChecks(checks));
  if (missing.length > 0)
    output.write(`not checked: ${missing.join(', ')}: give --trust or --deployment, or name them with --allow\n`);
  output.write(`model ${header.model}\nset ${formatSet(header.set)}\n`);
  output.write(`temperature ${temperature}, seed ${seed}, at most ${maxTokens} tokens\nhash ${hash}\n`);
  // Figures of an evaluation that does not hold mean nothing.
  if (ok && figures) output.write(`root ${figures.modelRoot}\n${formatFigures(figures, lost)}`);
}
