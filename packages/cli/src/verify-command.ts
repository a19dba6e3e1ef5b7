import { randomBytes } from 'node:crypto';
import { parsePolicy } from '@ogong/attestation/policy-file';
import type { ChainClient } from '@ogong/chain/client';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, httpUrl, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { describeFailure } from '@ogong/host/log/errors';
import { followReply } from '@ogong/host/views/follow-reply';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { isLocalReceipt, type LocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { formatProof } from '@ogong/protocol/verdict/proof';
import { isSettledProof, parseSettledProof, type SettledProof } from '@ogong/protocol/verdict/receipt/settled-proof';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import type { ReceiptContext, ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
import { addParts } from './answer-parts.ts';
import {
  addChainTrust,
  formatMeshFiles,
  isSameLedger,
  loadTrust,
  type TrustSources,
  trustFields,
} from './chain-trust.ts';
import {
  addMachine,
  assertDemands,
  machineFields,
  readAdmission,
  readAuthority,
  readMachinePolicy,
  roleFields,
} from './machine-policy.ts';
import { findMeshTrust } from './mesh-trust.ts';
import { addSources } from './named-sources.ts';
import { type LedgerPlace, openLedger } from './open-ledger.ts';
import { formatChecks, formatCohort, formatVerdict } from './print-checks.ts';
import { completeReceipt, readReceiptFile, toPlainBytes } from './receipt-file.ts';
import { checkSettledProof, describeEntry } from './settled-proof.ts';
import { addShownAnswer } from './shown-answer.ts';
import { readUserFile } from './user-files.ts';

/**
 * 0: every check passes, but for skipped ones that --allow names. 1: one failed. 2: the input cannot be checked at all. 3: none failed, but
 * one was skipped without permission.
 */
export const VERIFY_EXIT = { ok: 0, failed: 1, unusable: 2, unchecked: 3 } as const;

const config = defineConfig({
  name: 'ogong verify',
  summary:
    'Checks an answer against its receipt, offline unless a flag or a URL names a server. Prints every check; exits with 0 if all pass, 1 if one failed,\n' +
    '2 where the input cannot be used, 3 if one was skipped that --allow does not name. Receipts from a gateway hold request and response; others need both files.',
  fields: {
    request: { schema: text, label: '<path>', description: 'the exact body that was sent' },
    response: { schema: text, label: '<path>', description: "the reply's text, UTF-8" },
    answer: {
      schema: text,
      label: '<path>',
      description:
        'the answer as the API showed it, JSON: its content, reasoning and calls are compared with the signed text',
    },
    gateway: {
      schema: httpUrl,
      label: '<url>',
      description:
        'where to fetch the opening of a compact receipt from, and the receipts of parts that other providers gave first',
    },
    follow: {
      schema: boolean,
      boolean: true,
      description:
        'follow the reply into the chain: ask its validator for the log entry, and check batch, signatures and settlement. Needs --deployment, unless the mesh of this machine gave the reply',
    },
    source: {
      schema: text,
      label: '<testimony.json>',
      repeatable: true,
      description: 'testimony of a source that the request names; needs --machines and --authority',
    },
    authority: {
      schema: text,
      label: '<root.pem|hash>',
      repeatable: true,
      description: 'root that may vouch for the servers of sources',
    },
    ...machineFields,
    ...roleFields,
    json: jsonField,
    ...trustFields,
  },
  positionals: { label: '<receipt.json|url>', min: 1, max: 1 },
  examples: [
    'ogong verify receipt.json',
    'ogong verify receipt.json --trust trust.json',
    'ogong verify receipt.json --deployment deployment.json --follow',
    'ogong verify settled.json --deployment deployment.json',
    'ogong verify http://127.0.0.1:11434/v1/receipts/<id> --allow network',
  ],
});

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'check an answer against its receipt',
  async run(argv, output) {
    try {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return VERIFY_EXIT.ok;
      }
      const { values, positionals } = parsed;
      const source = positionals[0] as string;
      assertDemands('ogong verify', values);
      const isProof = !/^https?:/.test(source) && isSettledProof(toPlainBytes(readUserFile(source)));
      if (isProof) return await verifyProof(source, values, output);
      const file = await readReceiptFile(source);
      const opened = await loadTrust(
        'ogong verify',
        values,
        ({ trust: { ledger } }) => isOnLedger(file.receipt, ledger),
        { needsChain: values.follow },
      );
      output.writeError(formatMeshFiles(opened));
      if (values.follow && opened.chain === undefined && !isLocalReceipt(file.receipt)) {
        output.writeError(
          'ogong verify: --follow needs --deployment, which names the contracts to read: no mesh of this receipt runs here\n',
        );
        return VERIFY_EXIT.unusable;
      }
      if (values.follow && isLocalReceipt(file.receipt)) {
        output.writeError('ogong verify: a local answer is on no chain; leave --follow out\n');
        return VERIFY_EXIT.unusable;
      }
      const policy = await readMachinePolicy('ogong verify', values, opened.chain);
      const receipt = await completeReceipt(file.receipt, values);
      const request = values.request === undefined ? file.request : readUserFile(values.request);
      const response = values.response === undefined ? file.response : readUserFile(values.response);
      if (!request || !response) {
        output.writeError('ogong verify: the receipt holds no request and response; give --request and --response\n');
        return VERIFY_EXIT.unusable;
      }
      const context = {
        crypto: nodeCrypto,
        request: toPlainBytes(request),
        response: toPlainBytes(response),
        nowMs: Date.now(),
        ...(file.status === undefined ? {} : { status: file.status }),
      };
      const verified = isLocalReceipt(receipt)
        ? verifyLocalReceipt(receipt, { ...context, trust: opened.trust })
        : await addMachine(await verifyOnNetwork(receipt, context, { ...opened, isFollowed: values.follow }), receipt, {
            policy,
            nowMs: context.nowMs,
            ...{ settlement: opened.trust.settlement, demanded: values.attested },
          });
      const bodies = { request: context.request, response: context.response };
      const answer = values.answer === undefined ? undefined : toPlainBytes(readUserFile(values.answer));
      const answered = answer ? addShownAnswer(verified, { answer, receipt, ...bodies }) : verified;
      const shown =
        values.source.length === 0
          ? answered
          : await addSources(
              answered,
              {
                request: context.request,
                testimonies: values.source.map((path) => toPlainBytes(readUserFile(path))),
              },
              {
                policy: policy ?? parsePolicy(utf8Encode('{}')),
                authorities:
                  values.authority.length === 0
                    ? undefined
                    : values.authority.map((given) => readAuthority('ogong verify', given)),
                nowMs: context.nowMs,
              },
            );
      const gateway = values.gateway ?? (/^https?:/.test(source) ? new URL(source).origin : undefined);
      const verdict =
        isLocalReceipt(receipt) || gateway === undefined
          ? shown
          : await addParts(shown, { receipt, ...bodies, parts: file.parts, gateway }, (part) =>
              verifyOnNetwork(
                part.receipt,
                { crypto: nodeCrypto, nowMs: context.nowMs, ...part },
                allowUntaken(opened),
              ),
            );
      if (values.json) printJson(output, verdict);
      else {
        const proof = isLocalReceipt(receipt) ? '' : formatProof(verdict.checks, readAdmission(receipt));
        output.write(`${formatVerdict(verdict)}${formatCohort(verdict.cohort)}${proof}`);
      }
      if (verdict.ok) return VERIFY_EXIT.ok;
      const isRefuted = verdict.missing.length === 0 || verdict.checks.some(({ status }) => status === 'fail');
      return isRefuted ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
    } catch (error) {
      output.writeError(`ogong verify: ${describeFailure(error)}\n`);
      return VERIFY_EXIT.unusable;
    }
  },
};

/** A validator takes a milestone in once its order is over, and so cannot have signed for it yet. */
const allowUntaken = ({ trust, ...opened }: Awaited<ReturnType<typeof loadTrust>>) => ({
  ...opened,
  ...{ trust: { ...trust, allow: [...(trust.allow ?? []), 'intake'] }, isFollowed: false },
});

/** The file of `ogong settlement prove`, by the chain. */
async function verifyProof(
  path: string,
  { json, ...sources }: Pick<TrustSources, 'deployment' | 'rpcUrl' | 'meshDir'> & { readonly json: boolean },
  output: Output,
): Promise<number> {
  const proof = parseSettledProof(toPlainBytes(readUserFile(path)));
  const place = findProofPlace(proof, sources);
  if (place === undefined) {
    output.writeError('ogong verify: a proof of a settlement needs --deployment, which names the contracts to read\n');
    return VERIFY_EXIT.unusable;
  }
  const chain = await openLedger('ogong verify', place);
  const { checks, entry } = await checkSettledProof(chain, proof);
  const ok = checks.every(({ status }) => status === 'pass');
  if (json) printJson(output, { ok, checks, ...(ok && entry && { entry: describeEntry(entry) }) });
  else output.write(formatChecks(checks));
  if (ok) return VERIFY_EXIT.ok;
  return checks.some(({ status }) => status === 'fail') ? VERIFY_EXIT.failed : VERIFY_EXIT.unchecked;
}

/** Finds the named contracts, or those of the mesh of this machine if the proof is about its settlement. */
function findProofPlace(
  { domain }: Pick<SettledProof, 'domain'>,
  { deployment, rpcUrl, meshDir }: Pick<TrustSources, 'deployment' | 'rpcUrl' | 'meshDir'>,
): LedgerPlace | undefined {
  if (deployment !== undefined) return { deployment, rpcUrl };
  const mesh = findMeshTrust(meshDir);
  const { ledger, settlement } = mesh?.trust ?? {};
  const isOfMesh =
    ledger && settlement && isSameLedger(domain, { chainId: ledger.chainId, verifyingContract: settlement });
  return mesh && isOfMesh ? { deployment: mesh.deploymentFile, rpcUrl: rpcUrl ?? mesh.rpcUrl } : undefined;
}

/** A local receipt is on none. */
const isOnLedger = (receipt: Receipt | LocalReceipt, ledger: LedgerDomain | undefined): boolean =>
  !isLocalReceipt(receipt) && ledger !== undefined && isSameLedger(receipt.ledger, ledger);

/** Verifies with the chain's entry of the model's name, and with the settlement of the reply if it is followed. */
async function verifyOnNetwork(
  receipt: Receipt,
  context: ReceiptContext,
  { isFollowed, ...opened }: Awaited<ReturnType<typeof loadTrust>> & { readonly isFollowed: boolean },
): Promise<ReceiptVerdict> {
  const { chain, validators = [] } = opened;
  const trust = await addChainTrust(opened, receipt);
  const followed = isFollowed && chain ? await follow(receipt, { chain, validators }) : {};
  return verifyWithoutBlobs(receipt, { ...context, trust, ...followed });
}

/** Under a fresh certificate: the validator's own is the one that the chain names. */
async function follow(
  receipt: Receipt,
  { chain, validators }: { readonly chain: ChainClient; readonly validators: readonly QuorumMember[] },
): ReturnType<typeof followReply> {
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(randomBytes(32))),
    dialPolicy: toDialPolicy(BigInt(chain.deployment.chainId)),
  });
  try {
    return await followReply(receipt, { chain, links, validators });
  } finally {
    links.close();
  }
}
