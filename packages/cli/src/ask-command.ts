import { writeFileSync } from 'node:fs';
import { checkMachine } from '@ogong/attestation/machine-check';
import { checkReceiptRoles } from '@ogong/attestation/role-check';
import { defineConfig } from '@ogong/host/config/define-config';
import { amountForm, atomicAmount, boolean, decimal, integer, oneOf, text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { createWordWrap } from '@ogong/host/lifecycle/word-wrap';
import { EXIT } from '@ogong/host/log/errors';
import { formatTokens } from '@ogong/protocol/base/amount';
import { toBase64, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { toPrintable } from '@ogong/protocol/base/printable';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { SORTS, type Sort } from '@ogong/protocol/exchange/preference';
import { SETTLEMENT_TYPES } from '@ogong/protocol/http/routes';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { MACHINE_CHECK } from '@ogong/protocol/tier/attestation';
import type { AttestedRole } from '@ogong/protocol/tier/attested-role';
import { formatProof } from '@ogong/protocol/verdict/proof';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { type CheckedReply, createClient, GatewayApiError, ReceiptError, SealedCallError } from '@ogong/sdk';
import { addChainTrust, loadTrust, trustFields } from './chain-trust.ts';
import {
  addMachine,
  assertDemands,
  machineFields,
  readAdmission,
  readMachinePolicy,
  roleFields,
} from './machine-policy.ts';
import { findGatewayUrl, gatewayField } from './mesh/gateway-place.ts';
import { formatChecks, formatFailed, formatPassed, formatVerdict } from './print-checks.ts';
import { assertWritable } from './user-files.ts';

const config = defineConfig({
  name: 'ogong ask',
  summary:
    'Asks a gateway, prints the answer as it comes, and then the verdict of its checks in one line, on standard error.\n' +
    'With --checks it prints every check of the receipt.',
  fields: {
    gateway: gatewayField,
    apiKey: { schema: text, secret: true, env: 'OGONG_API_KEY', description: 'key of the gateway, if it requires one' },
    model: {
      schema: text,
      label: '<id>',
      description: 'ogong/<tier>/<maker>/<model>; the first on offer if not given',
    },
    sort: {
      schema: oneOf(SORTS),
      default: 'none',
      description: 'the routing rule for the provider, besides stake and reputation',
    },
    maxPrice: {
      schema: atomicAmount,
      label: '<amount>',
      description: `highest price of 1,000 tokens, ${amountForm}; the gateway's own limit if not given`,
    },
    settlement: {
      schema: oneOf(SETTLEMENT_TYPES),
      default: 'batch',
      description:
        'the part of the reply that becomes public: its payment, the hash of its record, or its whole receipt',
    },
    provider: {
      schema: text,
      label: '<id>',
      repeatable: true,
      description: 'provider that may answer, by its id of 64 hexadecimal digits; anybody if not given',
    },
    system: { schema: text, label: '<text>', description: 'system message' },
    maxTokens: { schema: integer({ min: 1 }), default: '256', description: 'longest answer, in tokens' },
    temperature: { schema: decimal({ max: 2 }), description: "sampling temperature; the network's default is 1" },
    seed: { schema: integer(), description: 'the same seed gives the same answer' },
    json: { ...jsonField, description: 'print answer, reply ID and checks as JSON, when complete' },
    checks: { schema: boolean, boolean: true, description: 'print every check of the receipt, not one line' },
    save: { schema: text, label: '<path>', description: 'write the full receipt, for ogong verify' },
    ...machineFields,
    ...roleFields,
    ...trustFields,
  },
  positionals: { label: '<prompt>', min: 1, max: 1 },
  examples: [
    'ogong ask "Once upon a time"',
    'ogong ask --sort latency "Once upon a time"',
    'ogong ask --save receipt.json --seed 1 "Once upon a time"',
  ],
});

export const askCommand: Command = {
  name: 'ask',
  summary: 'ask a gateway and check the answer',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { values, positionals } = parsed;
    const baseUrl = findGatewayUrl(values);
    if (values.save !== undefined) assertWritable('ogong ask', 'save', values.save);
    assertDemands('ogong ask', values);
    const { trust, findModelRoots, meshFile, chain, paidUnit } = await loadTrust(
      'ogong ask',
      values,
      ({ gatewayUrl }) => new URL(gatewayUrl).origin === new URL(baseUrl).origin,
    );
    const policy = await readMachinePolicy('ogong ask', values, chain);
    const formatRefuted = values.checks ? formatChecks : formatFailed;
    const replies: CheckedReply[] = [];
    let answer = '';
    let isCut = false;
    const shown = createWordWrap(output.write, () => output.readColumns?.());
    try {
      const client = createClient({
        baseUrl,
        settlementType: values.settlement,
        onReceipt: (reply) => replies.push(reply),
        ...(values.apiKey ? { apiKey: values.apiKey.reveal() } : {}),
        ...{ trust, ...(findModelRoots && { findModelRoots }) },
        ...(chain && { readTrust: (receipt) => addChainTrust({ trust, chain }, receipt) }),
        // Made below, by the policy: the SDK has no certificates.
        ...(policy && {
          checkMachine: (machine) => checkMachine(machine, { crypto, policy, nowMs: Date.now() }),
          allow: [MACHINE_CHECK],
          checkRoles: (receipt, demanded) =>
            checkReceiptRoles(receipt, {
              ...{ crypto, policy, nowMs: Date.now(), settlement: trust.settlement, demanded },
            }),
        }),
      });
      const { model, notes } = await findModel(baseUrl, { named: values.model, apiKey: values.apiKey?.reveal() });
      for (const note of notes) output.writeError(`ogong ask: ${model}: ${note}\n`);
      const messages = [
        ...(values.system === undefined ? [] : [{ role: 'system', content: values.system }]),
        { role: 'user', content: positionals[0] as string },
      ];
      const stream = await client.chat.completions.create({
        model,
        messages,
        max_tokens: values.maxTokens,
        stream: true,
        ...(values.temperature === undefined ? {} : { temperature: values.temperature }),
        ...(values.seed === undefined ? {} : { seed: values.seed }),
        ...wordPreference(values),
      });
      for await (const chunk of stream) {
        const piece = chunk.choices[0]?.delta.content ?? '';
        answer += piece;
        isCut ||= chunk.choices[0]?.finish_reason === 'length';
        // A pipe gets the answer as it is; a terminal would obey it.
        if (!values.json) shown.write(process.stdout.isTTY ? toPrintable(piece) : piece);
      }
      shown.end();
      if (!values.json) output.write('\n');
    } catch (error) {
      shown.end();
      // An answer that fails its checks is not printed as JSON: a script sees only the exit code.
      return explain(error, { baseUrl, output, formatRefuted });
    }
    const [given] = replies as [CheckedReply];
    const reply = {
      ...given,
      ...(await addMachine({ ...given, ok: true, missing: [] }, given.receipt, {
        ...{ policy, nowMs: Date.now(), settlement: trust.settlement, demanded: values.attested },
      })),
    };
    if (!reply.ok) {
      const isRefuted = reply.checks.some(({ status }) => status === 'fail');
      const why = isRefuted
        ? 'its machine is not one that the policy takes'
        : `not checked: ${reply.missing.join(', ')}`;
      output.writeError(`\nogong ask: the answer does not hold: ${why}\n${formatRefuted(reply.checks)}`);
      return 1;
    }
    if (isCut) output.writeError(`\n${describeCut(values.maxTokens)}`);
    if (values.json)
      printJson(output, { answer, replyId: reply.replyId, checks: reply.checks, allowed: reply.allowed });
    else {
      const proof = formatProof(reply.checks, readAdmission(reply.receipt));
      const by = meshFile === undefined ? '' : `, by ${meshFile} of the mesh that runs here`;
      const verdict = values.checks
        ? `receipt of reply ${reply.replyId}${by}\n${formatVerdict(reply)}`
        : formatLine(reply, paidUnit);
      output.writeError(`\n${verdict}${proof}`);
    }
    if (values.save !== undefined) {
      const { receipt, request, response } = reply;
      const file = { ...toReceiptJson(receipt), request: toBase64(request), response: toBase64(response) };
      // It holds the prompt and the reply.
      writeFileSync(values.save, `${JSON.stringify(file)}\n`, { mode: 0o600 });
      output.writeError(`saved: ogong verify ${values.save}\n`);
    }
    return EXIT.ok;
  },
};

const describeCut = (maxTokens: number): string =>
  `ogong ask: the answer ends at its limit of ${maxTokens} tokens: --max-tokens ${2 * maxTokens} gives more\n`;

/** The line under an answer. @param unit of its fee, if the network's is known. */
function formatLine(reply: CheckedReply, unit: string | undefined): string {
  const fee = readCheckedFee(reply.checks);
  return formatPassed({
    ...reply,
    provider: toHex(hashHybridKey(crypto, reply.receipt.record.publicKey)),
    fee: fee === undefined ? undefined : `${formatTokens(fee)} ${unit ?? 'OGONG'}`,
  });
}

/** The object `ogong` of the request; none without a preference. */
function wordPreference({
  sort,
  maxPrice,
  provider,
  attested,
}: {
  readonly attested: readonly AttestedRole[];
  readonly sort: Sort;
  readonly maxPrice: bigint | undefined;
  readonly provider: readonly string[];
}): { readonly ogong?: object } {
  const ogong = {
    ...(sort !== 'none' && { sort }),
    ...(maxPrice !== undefined && { max_price: maxPrice.toString() }),
    ...(provider.length > 0 && { providers: { only: provider } }),
    ...(attested.length > 0 && { attested }),
  };
  return Object.keys(ogong).length === 0 ? {} : { ogong };
}

interface ListedModel {
  readonly id: string;
  readonly ogong?: {
    readonly warning?: string;
    readonly cohort?: { readonly shards: number; readonly weakest_tier: string } | null;
  };
}

/** The named model, or the first on offer, with warning and cohort of the list. A named one need not be on the list. */
async function findModel(
  baseUrl: string,
  { named, apiKey }: { readonly named: string | undefined; readonly apiKey: string | undefined },
): Promise<{ readonly model: string; readonly notes: readonly string[] }> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const response = await fetch(`${baseUrl.replace(/\/v1\/?$/, '')}/v1/models`, { headers });
  const body: unknown = await response.json().catch(() => undefined);
  // The request itself reports errors about a model that the user named.
  if (!response.ok && named === undefined) throw new GatewayApiError(response.status, body);
  const { data = [] } = (response.ok && body ? body : {}) as { data?: readonly ListedModel[] };
  const listed = named === undefined ? data[0] : data.find(({ id }) => id === named);
  const model = named ?? listed?.id;
  if (model === undefined) {
    throw new GatewayApiError(503, { error: { message: 'no model is on offer at this gateway now' } });
  }
  const { warning, cohort } = listed?.ogong ?? {};
  const shared =
    cohort &&
    `up to ${cohort.shards} providers serve it together, in tier ${cohort.weakest_tier}; each of them reads the prompt and the answer`;
  return { model, notes: [warning, shared].filter((note) => typeof note === 'string') };
}

function explain(
  error: unknown,
  {
    baseUrl,
    output,
    formatRefuted,
  }: {
    readonly baseUrl: string;
    readonly output: Output;
    readonly formatRefuted: (checks: readonly Check[]) => string;
  },
): number {
  if (error instanceof ReceiptError) {
    output.writeError(`\nogong ask: the answer does not hold: ${error.message}\n${formatRefuted(error.checks)}`);
    return 1;
  }
  if (error instanceof SealedCallError) {
    output.writeError(`\nogong ask: ${error.message}\n${formatRefuted(error.checks)}`);
    return 1;
  }
  if (error instanceof GatewayApiError) {
    output.writeError(`ogong ask: ${error.message}\n`);
    return error.retryable ? EXIT.temporary : EXIT.unavailable;
  }
  if (error instanceof TypeError && error.message === 'fetch failed') {
    output.writeError(
      `ogong ask: nobody answers at ${baseUrl}: start a gateway (ogong mesh up), or name one with --gateway\n`,
    );
    return EXIT.unavailable;
  }
  throw error;
}
