import { fromBinary } from '@bufbuild/protobuf';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { SealedPartSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { padRequest, padUnit } from '@ogong/protocol/sealing/padding';
import {
  createRequestContext,
  encodeSealContext,
  SEAL_SUITE,
  UNIT_SEAL_SUITE,
} from '@ogong/protocol/sealing/seal-context';
import { encodeSealKey, hashSealKey } from '@ogong/protocol/sealing/seal-key';
import { sealPart } from '@ogong/protocol/sealing/sealed-part';
import { sealRefusal } from '@ogong/protocol/sealing/sealed-refusal';
import { createReplySealer, type ReplySealer } from '@ogong/protocol/sealing/sealed-reply';
import { sealRequest } from '@ogong/protocol/sealing/sealed-request';
import { encodeValidatorSealKey, hashValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { createTestSeal, EXCHANGE } from '../protocol/exchange-fixture.ts';

/** Of draft-connolly-cfrg-xwing-kem; public keys by their SHA-256. */
const XWING = [
  {
    secret: '7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26',
    keyHash: '2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb',
    capsule:
      'b83aa828d4d62b9a83ceffe1d3d3bb1ef31264643c070c5798927e41fb07914a273f8f96e7826cd5375a283d7da885304c5de0516a0f0654243dc5b97f8bfeb831f68251219aabdd723bc6512041acbaef8af44265524942b902e68ffd23221cda70b1b55d776a92d1143ea3a0c475f63ee6890157c7116dae3f62bf72f60acd2bb8cc31ce2ba0de364f52b8ed38c79d719715963a5dd3842d8e8b43ab704e4759b5327bf027c63c8fa857c4908d5a8a7b88ac7f2be394d93c3706ddd4e698cc6ce370101f4d0213254238b4a2e8821b6e414a1cf20f6c1244b699046f5a01caa0a1a55516300b40d2048c77cc73afba79afeea9d2c0118bdf2adb8870dc328c5516cc45b1a2058141039e2c90a110a9e16b318dfb53bd49a126d6b73f215787517b8917cc01cabd107d06859854ee8b4f9861c226d3764c87339ab16c3667d2f49384e55456dd40414b70a6af841585f4c90c68725d57704ee8ee7ce6e2f9be582dbee985e038ffc346ebfb4e22158b6c84374a9ab4a44e1f91de5aac5197f89bc5e5442f51f9a5937b102ba3beaebf6e1c58380a4a5fedce4a4e5026f88f528f59ffd2db41752b3a3d90efabe463899b7d40870c530c8841e8712b733668ed033adbfafb2d49d37a44d4064e5863eb0af0a08d47b3cc888373bc05f7a33b841bc2587c57eb69554e8a3767b7506917b6b70498727f16eac1a36ec8d8cfaf751549f2277db277e8a55a9a5106b23a0206b4721fa9b3048552c5bd5b594d6e247f38c18c591aea7f56249c72ce7b117afcc3a8621582f9cf71787e183dee09367976e98409ad9217a497df888042384d7707a6b78f5f7fb8409e3b535175373461b776002d799cbad62860be70573ecbe13b246e0da7e93a52168e0fb6a9756b895ef7f0147a0dc81bfa644b088a9228160c0f9acf1379a2941cd28c06ebc80e44e17aa2f8177010afd78a97ce0868d1629ebb294c5151812c583daeb88685220f4da9118112e07041fcc24d5564a99fdbde28869fe0722387d7a9a4d16e1cc8555917e09944aa5ebaaaec2cf62693afad42a3f518fce67d273cc6c9fb5472b380e8573ec7de06a3ba2fd5f931d725b493026cb0acbd3fe62d00e4c790d965d7a03a3c0b4222ba8c2a9a16e2ac658f572ae0e746eafc4feba023576f08942278a041fb82a70a595d5bacbf297ce2029898a71e5c3b0d1c6228b485b1ade509b35fbca7eca97b2132e7cb6bc465375146b7dceac969308ac0c2ac89e7863eb8943015b24314cafb9c7c0e85fe543d56658c213632599efabfc1ec49dd8c88547bb2cc40c9d38cbd3099b4547840560531d0188cd1e9c23a0ebee0a03d5577d66b1d2bcb4baaf21cc7fef1e03806ca96299df0dfbc56e1b2b43e4fc20c37f834c4af62127e7dae86c3c25a2f696ac8b589dec71d595bfbe94b5ed4bc07d800b330796fda89edb77be0294136139354eb8cd37591578f9c600dd9be8ec6219fdd507adf3397ed4d68707b8d13b24ce4cd8fb22851bfe9d632407f31ed6f7cb1600de56f17576740ce2a32fc5145030145cfb97e63e0e41d354274a079d3e6fb2e15',
    shared: 'd2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384',
  },
  {
    secret: 'badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea',
    keyHash: 'c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916',
    capsule:
      'c93beb22326705699bbc3d1d0aa6339be7a405debe61a7c337e1a91453c097a6f77c130639d1aaeb193175f1a987aa1fd789a63c9cd487ebd6965f5d8389c8d7c8cfacbba4b44d2fbe0ae84de9e96fb11215d9b76acd51887b752329c1a3e0468ccc49392c1e0f1aad61a73c10831e60a9798cb2e7ec07596b5803db3e243ecbb94166feade0c9197378700f8eb65a43502bbac4605992e2de2b906ab30ba401d7e1ff3c98f42cfc4b30b974d3316f331461ac05f43e0db7b41d3da702a4f567b6ee7295199c7be92f6b4a47e7307d34278e03c872fb48647c446a64a3937dccd7c6d8de4d34b9dea45a0b065ef15b9e94d1b6df6dca7174d9bc9d14c6225e3a78a58785c3fe4e2fe6a0706f3365389e4258fbb61ecf1a1957715982b3f1844424e03acd83da7eee50573f6cd3ff396841e9a00ad679da92274129da277833d0524674feea09a98d25b888616f338412d8e65e151e65736c8c6fb448c9260fa20e7b2712148bcd3a0853865f50c1fc9e4f201aee3757120e034fd509d954b7a749ff776561382c4cb64cebcbb6aa82d04cd5c2b40395ecaf231bde8334ecfd955d09efa8c6e7935b1cb0298fb8b6740be4593360eed5f129d59d98822a6cea37c57674e919e84d6b90f695fca58e7d29092bd70f7c97c6dfb021b9f87216a6271d8b144a364d03b6bf084f972dc59800b14a2c008bbd0992b5b82801020978f2bdddb3ca3367d876cffb3548dab695a29882cae2eb5ba7c847c3c71bd0150fa9c33aac8e6240e0c269b8e295ddb7b77e9c17bd310be65e28c0802136d086777be5652d6f1ac879d3263e9c712d1af736eac048fe848a577d6afaea1428dc71db8c430edd7b584ae6e6aeaf7257aff0fd8fe25c30840e30ccfa1d95118ef0f6657367e9070f3d97a2e9a7bae19957bd707b00e31b6b0ebb9d7df4bd22e44c060830a194b5b8288353255b52954ff5905ab2b126d9aa049e44599368c27d6cb033eae5182c2e1504ee4e3745f51488997b8f958f0209064f6f44a7e4de5226d5594d1ad9b42ac59a2d100a2f190df873a2e141552f33c923b4c927e8747c6f830c441a8bd3c5b371f6b3ab8103ebcfb18543aefc1beb6f776bbfd5344779f4aa23daaf395f69ec31dc046b491f0e5cc9c651dfc306bd8f2105be7bc7a4f4e21957f87278c771528a8740a92e2daefa76a3525f1fae17ec4362a2700988001d860011d6ca3a95f79a0205bcf634cef373a8ea273ff0f4250eb8617d0fb92102a6aa09cf0c3ee2cad1ad96438c8e4dfd6ee0fcc85833c3103dd6c1600cd305bc2df4cda89b55ca237a3f9c3f82390074ff30825fc750130ebaf13d0cf7556d2c52a98a4bad39ca5d44aaadeaef775c695e64d06e966acfcd552a14e2df6c63ae541f0fa88fc48263089685704506a21a03856ce65d4f06d54f3157eeabd62491cb4ac7bf029e79f9fbd4c77e2a3588790c710e611da8b2040c76a61507a8020758dcc30894ad018fef98e401cc54106e20d94bd544a8f0e1fd0500342d123f618aa8c91bdf6e0e03200693c9651e469aee6f91c98bea4127ae66312f4ae3ea155b67',
    shared: 'f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150',
  },
  {
    secret: 'ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9',
    keyHash: '6b080d6b84f095342092fa7a22423e58bd681397ad0ef00eac92bd254db4fa95',
    capsule:
      '0d2e38cbf17a2e2e4e0c87a94ca1e7701ae1552e02509b3b00f9c82c39e3fd435b05b91275f47abc9f1021429a26a346598cd6cd9efdc8adc1dbc35036d0290bf89733c835309202232f9bf652ea82f3d49280d6e8a3bd3135fb883445ab5b074d949c5350c7c7d6ac59905bdbfce6639da8a9d4b390ecc1dd05522d2956f2d37a05593996e5cb3fd8d5a9eb52417732e1ebf545588713b4760227115aab7ada178dadbca583b26cfedba2888a0c95b950bf07f750d7aa8103798aa3470a042c0105c6a037de2f9ebc396021b2ba2c16aba696fbac3454dc8e053b8fa55edd45215eeb57a1eab9106fb426b375a9b9e5c3419efc7610977e72640f9fd1b2ec337de33c35e5a7581b2aae4d8ee86d2e0ebf82a1350714de50d2d788687878a19644ae4e3175e8d59dc90171b3badeff65aeaf600e5e5483a3595fdeb40cbafcbd040c29a2f6900533ae999d24f54dfcef748c30313ca447cdddfa57ad78eaa890e90f3f7bf8d116968a5713cc75fd0408f36364fa265c5617039304eaeac4cbee6fc49b9fe2276768cdbec2d73a507b543cc028dc1b154b7c2b0412254c466a94a8d6ea3a47e1743469bd45c08f54cf965884be3696e961741ede16e3b1bc4feb93faaef31d911dc0cb3fa90bcda991959a9d2cbc817a5564c5c01177a59e9577589ea344d60cf5b0aa39f31863febd54603ca87ad2363c766642a3f52557bcd9e4c05a87665842ba336b83156a677030f0bad531a8387a1486a599caa748fcea7bdc1eb63f3cdb97173551ab7c1c36b69acbbdb2ff7a1e7bc70439632ddc67b97f3da1f59b3c1588515957cb8a2f86ab635ce0a78b7cdf24eac3445e8fc8b79ba04da9e903f49a7d912c197a84b4cfabc779b97d24788419bcf58035db99717edb9fd1c1df8c4005f700eabba528ddfcbaeda6dd30754f795948a34c9319ab653524b19931c7900c4167988af52292fe902e746b524d20ceffb4339e8f5535f41cf35f0f8ea8b4a7b949c5d2381116b146e9b913a83a3fa1c65ff9468c835fe4114554a6c66a80e1c9a6bb064b380be3c95e5595ec979bf1c85aa938938e3f10e72b0c87811969e8ab0d83de0b0604c4016ac3a015e19514089271bdc6ebf2ec56fab6018e44de749b4c36cc235e370da8466dbdc253542a2d704eb3316fd70d5d238cb7eaaf05966d973f62c7ef43b9a806f4ed213ac8099ea15d61a902444160883f6bf441a3e1469945c9b79489ea18390f1ebc83caca10bdb8f2429877b52bd44c94a228ef91c392ef5398c5c83982701318ccedab92f7a279c4fddebaa7fe5e986c48b7d8135b3fe4cd15be2004ce73ff86b1e55f8ecd6ba5b8114315f8e716ef3ab0a64564a4644651166ebd68b1f783e2e443dbccadfe189368647629f1a12215840b7f1d026de2f665c2eb023ff51a6df160912811ee03444ae4227fb941dc9ec4f31b445006fd384de5e60e0a5061b50cb1202f863090fc05eb814e2d42a03586c0b56f533847ac7b8184ce9690bc8dece32a88ca934f541d4cc520fa64de6b6e1c3c8e03db5971a445992227c825590688d203523f527161137334',
    shared: '953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f',
  },
];

/** Exports of both sides from the shared secret of another KEM (RFC 9180, A.7.1 and A.7.2). */
const HPKE = [
  {
    kemId: 0x20,
    shared: 'e81716ce8f73141d4f25ee9098efc968c91e5b8ce52ffff59d64039e82918b66',
    info: '4f6465206f6e2061204772656369616e2055726e',
    exports: {
      '': '7a36221bd56d50fb51ee65edfd98d06a23c4dc87085aa5866cb7087244bd2a36',
      '00': 'd5535b87099c6c3ce80dc112a2671c6ec8e811a2f284f948cec6dd1708ee33f0',
      '54657374436f6e74657874': 'ffaabc85a776136ca0c378e5d084c9140ab552b78f039d2e8775f26efff4c70e',
    },
  },
  {
    kemId: 0x20,
    shared: '024573db58c887decb4c57b6ed39f2c9a09c85600a8a0ecb11cac24c6aaec195',
    info: '4f6465206f6e2061204772656369616e2055726e',
    psk: '0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82',
    pskId: '456e6e796e20447572696e206172616e204d6f726961',
    exports: {
      '': 'be6c76955334376aa23e936be013ba8bbae90ae74ed995c1c6157e6f08dd5316',
      '00': '1721ed2aa852f84d44ad020c2e2be4e2e6375098bf48775a533505fd56a3f416',
      '54657374436f6e74657874': '7c9d79876a288507b81a5a52365a7d39cc0fa3f07e34172984f96fec07c44cba',
    },
  },
];

/** Of RFC 4231, test cases 2 and 4. */
const HMAC = [
  {
    key: '4a656665',
    data: '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
    tag: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  },
  {
    key: '0102030405060708090a0b0c0d0e0f10111213141516171819',
    data: 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',
    tag: '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  },
];

const PADDED = [0, 1, 60, 61, 64, 65, 500, 1_024, 1_025, 2_048, 2_049, 5_000, 100_000, 1_048_576];

/** `vectors/sealing.json`. */
export function createSealingVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const seal = createTestSeal();
  const secret = seal.random(32);
  const replySecret = seal.random(32);
  const key = seal.openKemKey(secret).publicKey;
  const replyKey = seal.openKemKey(replySecret).publicKey;
  const sealKey = encodeSealKey({
    ...{ suite: SEAL_SUITE, chainId: EXCHANGE.ledger.chainId, escrow: EXCHANGE.ledger.verifyingContract },
    ...{ providerId: EXCHANGE.providerId, sequence: 1n, issuedAtMs: 1_000, expiresAtMs: 3_601_000, key },
  });
  const hash = hashSealKey(crypto, sealKey);
  const inner = {
    ...{ endpoint: 'chat', cacheScope: new Uint8Array([4, 5]), replyKey },
    body: utf8Encode('{"model":"ogong/verified/a/b","messages":[]}'),
  };
  const { envelope, reply } = sealRequest({ crypto, seal }, { exchange: EXCHANGE, to: { hash, key }, inner });
  const sealer = createReplySealer({ seal }, { secret: reply, replyKey });
  const messages = ['Hel', 'lo', ''];
  const sealAll = ({ seal: sealOne }: ReplySealer) =>
    messages.map((message, i) => sealOne(utf8Encode(message), { isLast: i === messages.length - 1 }).map(toHex));
  const units = sealAll(sealer);
  const again = sealRequest({ crypto, seal }, { exchange: EXCHANGE, to: { hash, key }, inner, suite: UNIT_SEAL_SUITE });
  const capsuled = createReplySealer({ seal }, { secret: again.reply, replyKey });
  return {
    xwing: XWING,
    hmac: HMAC,
    aead: [7, 64].map((length) => {
      const [aeadKey, text] = [new Uint8Array(32).fill(length), new Uint8Array(length).fill(9)];
      return { key: toHex(aeadKey), text: toHex(text), sealed: toHex(seal.encrypt(aeadKey, text)) };
    }),
    hpke: HPKE,
    padding: PADDED.map((length) => ({ length, request: padRequest(length), unit: padUnit(length) })),
    exchange: {
      chainId: EXCHANGE.ledger.chainId.toString(),
      escrow: toHex(EXCHANGE.ledger.verifyingContract),
      providerId: toHex(EXCHANGE.providerId),
      replyId: toHex(EXCHANGE.replyId),
      requestHash: toHex(EXCHANGE.requestHash),
    },
    sealKey: { secret: toHex(secret), bytes: toHex(sealKey), hash: toHex(hash) },
    context: toHex(encodeSealContext(createRequestContext(EXCHANGE, hash))),
    request: {
      ...{ endpoint: inner.endpoint, cacheScope: toHex(inner.cacheScope), body: toHex(inner.body) },
      ...{ replySecret: toHex(replySecret), envelope: toHex(envelope), replyPsk: toHex(reply.psk.key) },
    },
    reply: { head: toHex(sealer.head), messages: messages.map((text) => toHex(utf8Encode(text))), units },
    /** The same exchange with a separate encapsulation for each unit. */
    suite2: {
      context: toHex(encodeSealContext(createRequestContext(EXCHANGE, hash, UNIT_SEAL_SUITE))),
      envelope: toHex(again.envelope),
      replyPsk: toHex(again.reply.psk.key),
      reply: { head: toHex(capsuled.head), units: sealAll(capsuled) },
    },
    part: sealTestPart(crypto, seal),
    refusal: sealTestRefusal(createReplySealer({ seal }, { secret: reply, replyKey })),
  };
}

/** A refusal of the request above, in place of the reply. */
function sealTestRefusal(sealer: ReplySealer) {
  const words = 'the input x is missing – é';
  const part = sealRefusal(sealer, words);
  const { head, unit } = fromBinary(SealedPartSchema, part ?? new Uint8Array());
  return { words, head: toHex(head), unit: toHex(unit) };
}

/** The message that a client seals to the validator of an interrupted reply. */
function sealTestPart(crypto: Crypto, seal: SealPrimitives) {
  const { ledger, replyId, requestHash } = EXCHANGE;
  const secret = seal.random(32);
  const { publicKey: key } = seal.openKemKey(secret);
  const validator = new Uint8Array(20).fill(0xbb);
  const sealKey = encodeValidatorSealKey({
    ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, validator },
    ...{ issuedAtMs: 1_000, expiresAtMs: 3_601_000, key },
  });
  const hash = hashSealKey(crypto, sealKey);
  const recordHash = new Uint8Array(32).fill(6);
  const inner = { endpoint: 'chat', body: utf8Encode('{}'), response: utf8Encode('Hel'), opening: Uint8Array.of(7, 8) };
  const milestone = { ledger, validator, replyId, requestHash, recordHash };
  return {
    ...{ secret: toHex(secret), validator: toHex(validator), sealKey: toHex(sealKey) },
    digest: toHex(hashValidatorSealKey(crypto, ledger, { validator, sealKey: hash })),
    recordHash: toHex(recordHash),
    endpoint: inner.endpoint,
    ...{ body: toHex(inner.body), response: toHex(inner.response), opening: toHex(inner.opening) },
    envelope: toHex(sealPart({ seal }, { milestone, to: { hash, key }, inner })),
  };
}
