import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Outcome } from '@ogong/protocol/base/checks';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { HYBRID_SIGNATURE_BYTES } from '@ogong/protocol/crypto/hybrid';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { computeMachineNonce } from '@ogong/protocol/machine/machine-entry';
import { encodeTokenWindow } from '@ogong/protocol/modality/text/commitment/token-window';
import {
  computeReportData,
  encodeAttestation,
  encodeKeyWord,
  encodeVouched,
  stateReply,
} from '@ogong/protocol/tier/attestation';
import {
  computeRoleNonce,
  computeRoleReportData,
  encodeRoleEvidence,
  nameSigningKey,
} from '@ogong/protocol/tier/attested-role';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { judgeOutcome } from '@ogong/protocol/tier/outcome';
import { checkPosture } from '@ogong/protocol/tier/posture';
import { encodeProxiedAttestation, nonceOfReply } from '@ogong/protocol/tier/proxied';
import { listServedTiers, TIERS } from '@ogong/protocol/tier/registry';
import { computeTestimonyData, encodeHttpsExchange, hashChain } from '@ogong/protocol/tier/testimony';

const EXACT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
const CLASSES = [
  EXACT,
  'llama.cpp-0.5.0/cpu/haswell/exact-2/f16/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/exact-single/f16/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/exact-tiled/q8_0/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/exact-tiled-2/f16/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/exact-tiled/q8_0/kv-q8_0',
  'llama.cpp-0.5.0/cpu/haswell/exact-/q8_0/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/Exact/q8_0/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/reference/q8_0/kv-f16',
  'llama.cpp-0.5.0/cpu/haswell/reference/bf16/kv-f16',
  'llama.cpp-0.5.0/vulkan/device-driver/shaped/f16/kv-f16/no-fa',
  'llama.cpp-0.5.0/vulkan/device-driver/shaped/f16/kv-f16/window-8',
  ...['no-fa', 'unified', 'unproven', 'window-64', 'other'].map((departure) => `${EXACT}/${departure}`),
  ...['a/b/c/exact', 'a/b/c/exact/f16', 'a/b/c/shaped', 'a/b/c/reference', 'a/b/c/exact-tiled/q8_0', 'a/b/exact'],
  'exact',
  '',
];
const NAMED = ['ogong/vanilla/a/b', 'ogong/vanilla/a/b+c', 'ogong/verified/a/b', 'ogong/vanilla/A/b', 'vanilla', ''];
const TOKEN_WINDOWS = [
  { count: 1, ids: [] },
  { count: 32, ids: [] },
  { count: 2, ids: [0, 2 ** 24 - 1] },
];
const OUTCOMES: readonly Outcome[] = ['accept', 'reject', 'inconclusive'];

/** The statements of a machine, the bytes that its key signs, and both in a receipt, from fixed keys. */
function createAttestedVectors() {
  const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
  const ledger = { chainId: 31_337n, verifyingContract: fill(1, 20) };
  const keys = { ledger, providerId: fill(2), attestedKey: fill(3), sealKeyHash: fill(4) };
  const record = encodeRecordV2({
    ...{ replyId: fill(5, 16), requestHash: fill(6), responseHash: fill(7), modelRoot: fill(8), commitRoot: fill(9) },
    ...{ tokenCount: 3, startNs: 1_000n, endNs: 2_000n },
  });
  const evidence = utf8Encode('{}');
  const { attestedKey, sealKeyHash } = keys;
  const attestation = encodeAttestation({ attestedKey, sealKeyHash, evidence, signature: fill(11, 64) });
  return {
    keys: {
      ...{ chainId: '31337', escrow: toHex(ledger.verifyingContract), providerId: toHex(keys.providerId) },
      ...{ attestedKey: toHex(attestedKey), sealKeyHash: toHex(sealKeyHash) },
    },
    nonce: toHex(fill(10)),
    reportData: toHex(computeReportData(nobleCrypto, keys, fill(10))),
    record: toHex(record),
    evidence: toHex(evidence),
    statement: toHex(stateReply(nobleCrypto, record, evidence)),
    signature: toHex(fill(11, 64)),
    attestation: toHex(attestation),
    keyWord: toHex(encodeKeyWord({ ledger, attestedKey })),
    vouched: toHex(encodeVouched(fill(12, HYBRID_SIGNATURE_BYTES), attestation)),
  };
}

/** An attestation of a hosted model's answer, with one exchange. */
function createProxiedVectors() {
  const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
  const chain = [fill(1, 5), fill(2, 7)];
  const statement = encodeHttpsExchange({
    ...{ method: 'POST', url: 'https://api.example.org/v1/chat/completions', status: 200, timeMs: 1_800_000_000_000 },
    ...{ requestHash: fill(3), responseHash: fill(4), chainHash: hashChain(nobleCrypto, chain) },
  });
  const exchanges = [{ statement, chain }];
  const held = { attestedKey: fill(3), sealKeyHash: fill(4), evidence: utf8Encode('{}'), signature: fill(11, 64) };
  return {
    exchanges: [[toHex(statement), chain.map((each) => toHex(each))]],
    order: toHex(fill(12, 40)),
    nonce: toHex(nonceOfReply(nobleCrypto, fill(12, 40), exchanges)),
    attestation: toHex(encodeProxiedAttestation({ ...held, exchanges })),
  };
}

function createNonceVector() {
  const asked = { epoch: 7n, beacon: new Uint8Array(32).fill(1), providerId: new Uint8Array(32).fill(2) };
  return {
    ...{ epoch: '7', beacon: toHex(asked.beacon), providerId: toHex(asked.providerId) },
    nonce: toHex(computeMachineNonce(nobleCrypto, asked)),
  };
}

/** The statements of the machines of a router and of a validator, from fixed keys. */
function createRoleVectors() {
  const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
  const ledger = { chainId: 31_337n, verifyingContract: fill(1, 20) };
  const [certHash, beacon, evidence] = [fill(3), fill(4), utf8Encode('{}')];
  const asked = { epoch: 7n, beacon, certHash };
  const nonce = computeRoleNonce(nobleCrypto, asked);
  const named = [
    ['router', fill(2)],
    ['validator', nameSigningKey(fill(5, 20))],
  ] as const;
  return {
    ...{ chainId: '31337', escrow: toHex(ledger.verifyingContract), certHash: toHex(certHash) },
    ...{ epoch: '7', beacon: toHex(beacon), nonce: toHex(nonce), evidence: toHex(evidence) },
    part: toHex(encodeRoleEvidence({ certHash, evidence })),
    roles: named.map(([role, nodeId]) => ({
      ...{ role, nodeId: toHex(nodeId) },
      reportData: toHex(computeRoleReportData(nobleCrypto, { role, ledger, nodeId, certHash }, nonce)),
    })),
  };
}

/** A machine's statement about an exchange with a server, from fixed bodies and invalid certificates. */
function createTestimonyVectors() {
  const chain = [utf8Encode('the server'), utf8Encode('its authority')];
  const [request, response] = [utf8Encode('{}'), utf8Encode('an answer')];
  const exchange = {
    ...{ method: 'POST', url: 'https://api.example.org/v1/chat/completions', status: 200, timeMs: 1_790_000_000_000 },
    requestHash: nobleCrypto.sha256(request),
    responseHash: nobleCrypto.sha256(response),
    chainHash: hashChain(nobleCrypto, chain),
  };
  const statement = encodeHttpsExchange(exchange);
  const challenge = new Uint8Array(32).fill(12);
  return {
    ...{ method: exchange.method, url: exchange.url, status: exchange.status, timeMs: exchange.timeMs },
    ...{ request: toHex(request), response: toHex(response), chain: chain.map((der) => toHex(der)) },
    chainHash: toHex(exchange.chainHash),
    statement: toHex(statement),
    challenge: toHex(challenge),
    reportData: toHex(computeTestimonyData(nobleCrypto, statement, challenge)),
  };
}

/** Valid and contradictory postures, and the outcomes that an audit may have: `vectors/tier.json`. */
export function createTierVectors(): Readonly<Record<string, unknown>> {
  const names = [...TIERS.map(({ name }) => name), 'Verified', ''];
  const methods = [...listServedTiers().map(({ method }) => method), 'none'];
  const numericClasses = [EXACT, 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16'];
  return {
    tier: {
      classes: CLASSES.map((numericClass) => ({ numericClass, isExact: isExactClass(numericClass) })),
      postures: names.flatMap((tier) =>
        methods.flatMap((method) =>
          numericClasses.map((numericClass) => ({
            ...{ tier, method, numericClass },
            posture: checkPosture({ tier, method, numericClass }).status,
          })),
        ),
      ),
      namedRoots: NAMED.map((modelId) => {
        const root = findNamedRoot(nobleCrypto, modelId);
        return { modelId, root: root ? toHex(root) : null };
      }),
      tokenWindows: TOKEN_WINDOWS.map((window) => ({ ...window, bytes: toHex(encodeTokenWindow(window)) })),
      attested: createAttestedVectors(),
      testimony: createTestimonyVectors(),
      proxied: createProxiedVectors(),
      machineNonce: createNonceVector(),
      attestedRoles: createRoleVectors(),
      outcomes: names.flatMap((tier) =>
        OUTCOMES.flatMap((found) =>
          [true, false].map((exact) => ({
            ...{ tier, found, exact },
            outcome: judgeOutcome(tier, { outcome: found, exact, checks: [] }).outcome,
          })),
        ),
      ),
    },
  };
}
