import { createBeaconMemo } from '@ogong/gateway/buy/check/beacon-memo';
import { defineConfig } from '@ogong/host/config/define-config';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import {
  type AgentChainVerdict,
  type VerifyAgentStep,
  verifyAgentChain,
} from '@ogong/protocol/verdict/agent/verify-agent-chain';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
import { addChainTrust, formatMeshFiles, loadTrust, type OpenedTrust, trustFields } from '../chain-trust.ts';
import { toPlainBytes } from '../receipt-file.ts';
import { readUserFile } from '../user-files.ts';
import { VERIFY_EXIT } from '../verify-command.ts';
import { formatRun } from './print-run.ts';

const program = 'ogong agent verify';

const config = defineConfig({
  name: program,
  summary:
    "Checks the file of an agent's run offline: each receipt, and that each request is the one before with the signed answer\n" +
    'and the results of its calls. Prints the run step by step. Exits as ogong verify does.',
  fields: { json: jsonField, ...trustFields },
  positionals: { label: '<run.jsonl>', min: 1, max: 1 },
  examples: [`${program} run.jsonl --trust trust.json`, `${program} run.jsonl --deployment deployment.json`],
});

export async function verifyAgentFile(argv: readonly string[], output: Output): Promise<number> {
  const parsed = config.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const path = positionals[0] as string;
  const file = toPlainBytes(readUserFile(path));
  const opened = await loadTrust(program, values, () => true);
  output.writeError(formatMeshFiles(opened));
  let verdict: AgentChainVerdict;
  try {
    verdict = await verifyAgentChain(file, { crypto, verify: createStepCheck(opened) });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    output.writeError(`${program}: ${path}: ${error.message}\n`);
    return VERIFY_EXIT.unusable;
  }
  if (values.json) printJson(output, toJson(verdict));
  else output.write(formatRun(verdict));
  if (verdict.ok) return VERIFY_EXIT.ok;
  return verdict.checks.some(({ status }) => status === 'fail') ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
}

/** All receipts of a run share few beacons. */
function createStepCheck(opened: OpenedTrust): VerifyAgentStep {
  const verifyBeacon = createBeaconMemo();
  const nowMs = Date.now();
  return async ({ receipt, request, response }) => {
    const trust = await addChainTrust(opened, receipt);
    return verifyWithoutBlobs(receipt, { crypto, request, response, trust, nowMs, verifyBeacon });
  };
}

function toJson({ ok, hash, checks, missing, steps }: AgentChainVerdict) {
  const shown = steps.map(({ replyId, model, answer, calls, receipt, failed }) => ({
    ...{ reply_id: replyId ?? null, model: model ?? null, content: answer?.content ?? null, calls, failed },
    fee_atomic: `${readCheckedFee(receipt.checks) ?? ''}` || null,
    checks: receipt.checks,
  }));
  return { ok, hash, steps: shown, checks, missing };
}
