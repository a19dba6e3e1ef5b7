import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { ChainClient } from '@ogong/chain/client';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { hex, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { EXIT, explainFile } from '@ogong/host/log/errors';
import { readTrust } from '@ogong/host/views/read-trust';
import { equalBytes, fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { findValidator } from '@ogong/protocol/crypto/quorum';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { isLocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import { type SettledProof, toSettledProofJson } from '@ogong/protocol/verdict/receipt/settled-proof';
import { openLedger } from './open-ledger.ts';
import { formatChecks } from './print-checks.ts';
import { readReceiptFile } from './receipt-file.ts';
import { checkSettledProof, describeEntry, nameSettlement } from './settled-proof.ts';
import { assertWritable } from './user-files.ts';
import { VERIFY_EXIT } from './verify-command.ts';

const NAME = 'ogong settlement prove';
const ANSWER_TIMEOUT_MS = 15_000;

const proveConfig = defineConfig({
  name: NAME,
  examples: [
    `${NAME} --receipt receipt.json --deployment deployment.json --out settled.json`,
    `${NAME} --reply <id> --validator <address> --deployment deployment.json --out settled.json`,
  ],
  summary:
    "Writes the proof that a reply was settled, for its parties: its entry in the validator's log, the way to the batch, and\n" +
    'the transaction. Every step is checked by the chain before it is written. Anybody can check the file again with ogong verify.',
  fields: {
    ...chainFields,
    receipt: { schema: text, label: '<path>', description: 'receipt of the reply, which names it and its validator' },
    reply: { schema: hex(16), description: 'reply id, instead of a receipt' },
    validator: { schema: hex(20), description: "account of the reply's validator, with --reply" },
    out: { schema: text, label: '<path>', required: true, description: 'file to write the proof to' },
    json: jsonField,
  },
});

interface Wanted {
  readonly replyId: Uint8Array;
  readonly validator: Uint8Array;
}

/** @throws ConfigError if the file is none; an address that gives none is reported as the server reports it */
async function readReceipt(path: string) {
  try {
    return await readReceiptFile(path);
  } catch (error) {
    const isFile = error instanceof ProtocolError || (error as NodeJS.ErrnoException).syscall !== undefined;
    if (!isFile) throw error;
    throw new ConfigError(NAME, [`--receipt ${path}: ${explainFile(error).replace(`${path}: `, '')}`]);
  }
}

async function readWanted(
  chain: ChainClient,
  { receipt: path, reply, validator }: { readonly [name in 'receipt' | 'reply' | 'validator']: string | undefined },
): Promise<Wanted> {
  if (path === undefined) {
    if (reply === undefined || validator === undefined) {
      throw new ConfigError(NAME, ['say which reply: --receipt, or --reply and --validator']);
    }
    return { replyId: fromHex(reply, 16), validator: fromHex(validator, 20) };
  }
  if (reply !== undefined || validator !== undefined) {
    throw new ConfigError(NAME, ['--receipt names reply and validator: leave --reply and --validator out']);
  }
  const { receipt } = await readReceipt(path);
  if (isLocalReceipt(receipt)) throw new ConfigError(NAME, [`--receipt ${path}: a local answer is on no chain`]);
  const { chainId, verifyingContract } = receipt.ledger;
  const { deployment } = chain;
  const isHere =
    chainId === BigInt(deployment.chainId) && equalBytes(verifyingContract, fromHex(deployment.escrow.slice(2)));
  if (!isHere) throw new ConfigError(NAME, [`--receipt ${path}: it is of another ledger than --deployment names`]);
  return nameOrder(nodeCrypto, receipt.ledger, parseOrder(receipt.order.bytes));
}

/** Asks the validator, at the endpoint and certificate that the chain names, under a fresh certificate. */
async function collectProof(chain: ChainClient, { replyId, validator }: Wanted): Promise<SettledProof> {
  const { validators = [] } = await readTrust(chain);
  const member = findValidator(validators, validator);
  if (member === undefined)
    throw new ConfigError(NAME, [
      `0x${toHex(validator)} is no validator of this network: settled replies are proven by the one that had them`,
    ]);
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(randomBytes(32))),
    dialPolicy: toDialPolicy(BigInt(chain.deployment.chainId)),
  });
  try {
    const service = links.to(ValidatorService, { endpoint: member.endpoint, certHash: member.certHash });
    const found = await service.getSettled({ replyId }, { timeoutMs: ANSWER_TIMEOUT_MS }).catch((error: unknown) => {
      if (!(error instanceof LinkError) || (error.code !== 'unreachable' && error.code !== 'timeout')) throw error;
      const whose = `the reply's validator, 0x${toHex(validator)}, does not answer`;
      throw new LinkError(error.code, `${whose}: ${error.message}; it alone has the proof: try again once it runs`);
    });
    const transaction = fromHex(found.transaction.replace(/^0x/, ''), 32);
    const { entry, index, proof } = found;
    return { domain: nameSettlement(chain), validator, replyId, entry, index, proof, transaction };
  } finally {
    links.close();
  }
}

/** The first check that does not pass; an unpaid reply is under no batch's root. */
const findRefuted = (checks: readonly Check[]): Check | undefined => checks.find(({ status }) => status !== 'pass');

export const settlementCommand: Command = createCommandGroup({
  ...{ program: 'ogong', name: 'settlement', summary: 'prove that a reply was settled' },
  verbs: {
    prove: {
      summary: 'write the proof that a reply was settled',
      async run(argv, output) {
        const parsed = proveConfig.parse(argv, process.env);
        if (parsed.kind === 'print') {
          output.write(parsed.text);
          return EXIT.ok;
        }
        const { receipt, reply, validator, out, json, ...where } = parsed.values;
        assertWritable(NAME, 'out', out);
        const chain = await openLedger(NAME, where);
        const proof = await collectProof(chain, await readWanted(chain, { receipt, reply, validator }));
        const { checks, entry } = await checkSettledProof(chain, proof);
        const refuted = findRefuted(checks);
        if (refuted === undefined) writeFileSync(out, `${JSON.stringify(toSettledProofJson(proof), undefined, 2)}\n`);
        const said = { ok: refuted === undefined, checks, ...(entry && { entry: describeEntry(entry) }) };
        if (json) printJson(output, { ...said, ...(said.ok && { file: out }) });
        else output.write(`${formatChecks(checks)}${said.ok ? `${out}: written\n` : 'nothing was written\n'}`);
        if (refuted === undefined) return VERIFY_EXIT.ok;
        return refuted.status === 'fail' ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
      },
    },
  },
  examples: [`${NAME} --receipt receipt.json --deployment deployment.json --out settled.json`],
});
