import 'reflect-metadata';
import { existsSync, readFileSync } from 'node:fs';
import { fromHex, toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { BasicConstraintsExtension, X509CertificateGenerator } from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import type { LoggedEvent } from './event-log.ts';
import { checkRims, findRimProblem, NVIDIA_RIM_ROOTS, parseRim } from './nvidia-rim.ts';
import { parseGpuReport } from './nvidia-spdm.ts';
import { checkGpuTokens, checkMeasuredGpu } from './nvidia-token.ts';
import { canonicalize, findElements, parsePlainXml } from './plain-xml.ts';

const VECTORS = new URL('../../../../shared/vectors/tee/', import.meta.url);
const absence = existsSync(VECTORS) ? '' : 'the evidence of real machines is absent';
const text = (path: string): string => readFileSync(new URL(path, VECTORS), 'utf8');
const DRIVER = 'nvidia/Driver_RIM_test_no_gpu.swidtag';
const VBIOS = 'nvidia/1010_0200_882_96005E0001_test_no_gpu.swidtag';
const context = { roots: NVIDIA_RIM_ROOTS, nowMs: Date.parse('2024-06-01T00:00:00Z') };
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
const ES384 = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };

describe('plain XML', () => {
  it('has the canonical form of the standard', () => {
    const given = `<a:r  z="1"   xmlns:a="urn:a" b:y="2" xmlns:b="urn:b" xmlns="urn:d"><e/>t > u<a:x xmlns:a="urn:a" xmlns="">\n</a:x></a:r>\n`;
    expect(canonicalize(parsePlainXml(given))).toBe(
      `<a:r xmlns="urn:d" xmlns:a="urn:a" xmlns:b="urn:b" z="1" b:y="2"><e></e>t &gt; u<a:x xmlns="">\n</a:x></a:r>`,
    );
  });

  it('normalises references and line ends as the standard says', () => {
    const given = '<?xml version="1.0"?>\n<a b="1\n2&#10;&lt;&quot;">&lt;&#13;\r\n&amp;</a>';
    expect(canonicalize(parsePlainXml(given))).toBe('<a b="1 2&#xA;&lt;&quot;">&lt;&#xD;\n&amp;</a>');
  });

  it.each([
    ['a comment', '<a><!-- x --></a>'],
    ['a section', '<a><![CDATA[x]]></a>'],
    ['an undefined entity', '<a>&x;</a>'],
    ['a processing instruction', '<a><?b c?></a>'],
    ['a document type', '<!DOCTYPE a><a/>'],
    ['an entity of its own', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
    ['another end', '<a></b>'],
    ['two roots', '<a/><b/>'],
    ['no end', '<a>'],
    ['too deep a nest', `${'<a>'.repeat(40)}${'</a>'.repeat(40)}`],
    ['more elements than a manifest has', `<a>${'<b/>'.repeat(1_024)}</a>`],
    ['more attributes than a measurement has', `<a ${Array.from({ length: 400 }, (_, i) => `b${i}=""`).join(' ')}/>`],
    ['more namespaces than a manifest has', `<a>${'<b xmlns:c="d"/>'.repeat(65)}</a>`],
    ['a nest as deep as a text can be', '<a>'.repeat(300_000)],
    ['nothing', ''],
  ])('refuses %s', (_what, given) => {
    expect(() => parsePlainXml(given)).toThrow('plain XML');
  });
});

describe.skipIf(absence !== '')(`manifests of NVIDIA${absence && ` (${absence})`}`, () => {
  it.each([DRIVER, VBIOS])('%s is signed under the root, at its time', async (path) => {
    const rim = parseRim(text(path));
    expect(await findRimProblem(rim, context)).toBeUndefined();
    expect(await findRimProblem(rim, { ...context, nowMs: Date.parse('2026-01-01T00:00:00Z') })).toMatch('not valid');
    expect(await findRimProblem(rim, { ...context, roots: [] })).toMatch('not a root');
    for (const change of [
      (xml: string) => xml.replace(/Hash0="0b|Hash0="0e/, (found) => `${found.slice(0, -1)}0`),
      (xml: string) => xml.replace('product="GH100"', 'product="GH200"'),
      (xml: string) => xml.replace('active="False"', 'active="True"'),
      (xml: string) => xml.replace(/<ds:DigestValue>./, '<ds:DigestValue>A'),
      (xml: string) => xml.replace(/<ds:SignatureValue>./, '<ds:SignatureValue>B'),
      (xml: string) => xml.replace('xml-c14n11"/></ds:Transforms>', 'xml-c14n12"/></ds:Transforms>'),
      (xml: string) => xml.replace('URI=""', 'URI="#x"'),
    ]) {
      const changed = change(text(path));
      expect(changed).not.toBe(text(path));
      const problem = await findRimProblem(parseRim(changed), context).catch((error: Error) => error.message);
      expect(problem).toBeDefined();
    }
  });

  it('are of another driver than the report of a real GPU, and so prove nothing of it', async () => {
    const report = parseGpuReport(fromHex(text('nvidia/hopperAttestationReport.txt').trim().toLowerCase()));
    const rims = [text(DRIVER), text(VBIOS)];
    expect(await checkRims(report, rims, context)).toMatchObject({
      ...{ status: 'fail', detail: expect.stringContaining('no manifest is of driver 550.90.07') },
    });
    // Were it of the same driver, its measurements would still be others.
    const named = await checkRims({ ...report, driver: '545.00' }, rims, context);
    expect(named).toMatchObject({ status: 'fail', detail: expect.stringContaining('is none that the vendor names') });
    expect((await checkRims(report, rims.slice(1), context)).detail).toContain('are needed');
    expect((await checkRims({ ...report, driver: '545.00' }, [text(DRIVER), text(DRIVER)], context)).status).toBe(
      'fail',
    );
  });

  it('tokens of the service are structured as it answers, and not believed without its key, or later', async () => {
    for (const path of ['vllm-proxy/NRAS_SAMPLE_RESPONSE.json', 'vllm-proxy/NRAS_SAMPLE_PPCIE_RESPONSE.json']) {
      const tokens = JSON.parse(text(path)) as [[string, string], object];
      const [head = '', body = ''] = tokens[0][1].split('.');
      const { kid } = JSON.parse(atob(head.replaceAll('-', '+').replaceAll('_', '/'))) as { kid: string };
      const claims = JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/'))) as {
        eat_nonce: string;
        nbf: number;
      };
      const asked = { nonce: fromHex(claims.eat_nonce), nowMs: claims.nbf * 1_000 };
      expect((await checkGpuTokens(tokens, { ...asked, keys: {} })).detail).toContain('names no such key');
      const keys = { [kid]: '11'.repeat(96) };
      expect((await checkGpuTokens(tokens, { ...asked, keys })).detail).toContain('did not sign');
    }
  });

  it('measurements of a GPU by its guest count by the hash in the registers alone', async () => {
    const claims = text('dstack/gpu_attestation_h100.json');
    const hash = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', own(utf8Encode(claims)))));
    const log = (payload: string): LoggedEvent[] => [
      { imr: 3, eventType: 0x08000001, digest: '', event: 'gpu-attestation', payload },
    ];
    const json = toHex(utf8Encode(JSON.stringify({ evidence_sha256: hash })));
    for (const payload of [hash, json]) expect((await checkMeasuredGpu(claims, log(payload))).status).toBe('pass');
    for (const [given, events, why] of [
      [claims, [], 'measured no GPU'],
      [`${claims} `, log(hash), 'something else'],
      [claims, log('00'.repeat(32)), 'something else'],
      [claims, log('7b7d'), 'cannot be read'],
    ] as const)
      expect((await checkMeasuredGpu(given, events)).detail).toContain(why);
    const bad = claims
      .replace('"measres": "success"', '"measres": "fail"')
      .replace('"measres":"success"', '"measres":"fail"');
    expect(bad).not.toBe(claims);
    const badHash = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', own(utf8Encode(bad)))));
    expect((await checkMeasuredGpu(bad, log(badHash))).detail).toContain('not those of the vendor');
  });
});

/** A vendor of this test: its root signs manifests and tokens as NVIDIA's do. */
async function createVendor() {
  const [rootKeys, keys] = [
    await crypto.subtle.generateKey(ES384, true, ['sign', 'verify']),
    await crypto.subtle.generateKey(ES384, true, ['sign', 'verify']),
  ];
  const times = { notBefore: new Date('2024-01-01'), notAfter: new Date('2030-01-01') };
  const root = await X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=root', keys: rootKeys, signingAlgorithm: ES384, ...times, serialNumber: '01' },
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const leaf = await X509CertificateGenerator.create({
    ...{ subject: 'CN=signer', issuer: 'CN=root', publicKey: keys.publicKey, signingKey: rootKeys.privateKey },
    ...{ signingAlgorithm: ES384, ...times, serialNumber: '02' },
  });
  const sign = async (message: string) =>
    new Uint8Array(await crypto.subtle.sign(ES384, keys.privateKey, own(utf8Encode(message))));
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey));
  return {
    roots: [toHex(new Uint8Array(await root.getThumbprint('SHA-256')))],
    point: toHex(raw.subarray(1)),
    sign,
    /** @param golden values by index. */
    async issueRim(version: string, golden: ReadonlyMap<number, string>): Promise<string> {
      const resources = [...golden].map(
        ([index, value]) =>
          `<Resource type="Measurement" index="${index}" active="True" alternatives="2" h:Hash0="00" h:Hash1="${value}"/>`,
      );
      const open = `<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" xmlns:h="http://www.w3.org/2001/04/xmlenc#sha384"><Meta colloquialVersion="${version}"/><Payload>${resources.join('')}</Payload>`;
      const end = '</SoftwareIdentity>';
      const whole = canonicalize(parsePlainXml(`${open}${end}`));
      const digest = toBase64(new Uint8Array(await crypto.subtle.digest('SHA-384', own(utf8Encode(whole)))));
      const info = `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"/><ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#sha384"/><ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`;
      const wrap = (value: string) =>
        `${open}<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">${info}<ds:SignatureValue>${value}</ds:SignatureValue>${[leaf, root].map((each) => `<ds:X509Certificate>${toBase64(new Uint8Array(each.rawData))}</ds:X509Certificate>`).join('')}</ds:Signature>${end}`;
      const [signed] = findElements(parsePlainXml(wrap('')), 'http://www.w3.org/2000/09/xmldsig#', 'SignedInfo');
      if (signed === undefined) throw new TypeError('no statement');
      return wrap(toBase64(await sign(canonicalize(signed.element, { scope: signed.scope }))));
    },
    async issueToken(claims: object, kid = 'key', alg = 'ES384'): Promise<string> {
      const encode = (value: Uint8Array | object): string =>
        toBase64(value instanceof Uint8Array ? value : utf8Encode(JSON.stringify(value)))
          .replaceAll('+', '-')
          .replaceAll('/', '_')
          .replaceAll('=', '');
      const statement = `${encode({ alg, kid })}.${encode(claims)}`;
      return `${statement}.${encode(await sign(statement))}`;
    },
  };
}

const NOW_S = 1_750_000_000;
const nowMs = NOW_S * 1_000;

it('a GPU whose every measurement stands in a manifest passes, and no other', async () => {
  const vendor = await createVendor();
  const measurements = new Map([1, 2, 3].map((index) => [index, new Uint8Array(48).fill(index)] as const));
  const report = { driver: '1.2.3', measurements };
  const hex = (fill: number): string => toHex(new Uint8Array(48).fill(fill));
  const driver = await vendor.issueRim('1.2.3', new Map([[0, hex(1)]]));
  const vbios = await vendor.issueRim(
    '96.00',
    new Map([
      [1, hex(2)],
      [2, hex(3)],
    ]),
  );
  const by = { roots: vendor.roots, nowMs };
  expect(await checkRims(report, [driver, vbios], by)).toMatchObject({ status: 'pass' });
  const other = await vendor.issueRim(
    '96.00',
    new Map([
      [1, hex(2)],
      [2, hex(9)],
    ]),
  );
  expect((await checkRims(report, [driver, other], by)).detail).toContain('measurement 2 is none');
  const beyond = await vendor.issueRim('96.00', new Map([[9, hex(2)]]));
  expect((await checkRims(report, [driver, beyond], by)).detail).toContain('measurement 9 is none');
  const both = await vendor.issueRim('96.00', new Map([[0, hex(1)]]));
  expect((await checkRims(report, [driver, both], by)).detail).toContain('both manifests');
  expect((await checkRims({ ...report, driver: '1.2.4' }, [driver, vbios], by)).detail).toContain('no manifest is of');
  expect((await checkRims(report, [driver, vbios.replace(hex(3), hex(4))], by)).detail).toContain('was signed');
  expect((await checkRims(report, [driver, vbios], { ...by, roots: NVIDIA_RIM_ROOTS })).detail).toContain('not a root');
  expect((await checkRims(report, ['<a/>', vbios], by)).detail).toContain('which version');
});

it('tokens of the service pass by a key that the policy names, about this question and time', async () => {
  const vendor = await createVendor();
  const nonce = new Uint8Array(32).fill(7);
  const common = { iss: 'https://nras.attestation.nvidia.com', nbf: NOW_S, exp: NOW_S + 60, eat_nonce: toHex(nonce) };
  const good = { ...common, measres: 'success', secboot: true, dbgstat: 'disabled' };
  const issue = async (gpu: object = good, platform: object = {}, alg?: string) => {
    const token = await vendor.issueToken(gpu);
    const digest = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', own(utf8Encode(token)))));
    const claims = {
      ...common,
      'x-nvidia-overall-att-result': true,
      submods: { 'GPU-0': ['DIGEST', ['SHA-256', digest]] },
    };
    return [['JWT', await vendor.issueToken({ ...claims, ...platform }, 'key', alg)], { 'GPU-0': token }];
  };
  const by = { keys: { key: vendor.point }, nonce, nowMs };
  expect(await checkGpuTokens(await issue(), by)).toMatchObject({ id: 'gpu-token', status: 'pass' });
  for (const [tokens, given, why] of [
    [await issue({ ...good, measres: 'fail' }), by, 'not those of the vendor'],
    [await issue({ ...good, secboot: false }), by, 'boot securely'],
    [await issue({ ...good, dbgstat: 'enabled' }), by, 'debugged'],
    [await issue(good, { 'x-nvidia-overall-att-result': false }), by, 'something wrong'],
    [await issue(good, { submods: {} }), by, 'other GPUs'],
    [await issue(good, { submods: { 'GPU-0': ['DIGEST', ['SHA-256', '00']] } }), by, 'is not the one'],
    [await issue(good, { iss: 'https://another.test' }), by, 'another service'],
    [await issue(good, {}, 'none'), by, 'ES384'],
    [await issue(), { ...by, nowMs: nowMs + 60_000 }, 'this time'],
    [await issue(), { ...by, nowMs: nowMs - 1_000 }, 'this time'],
    [await issue(), { ...by, nonce: new Uint8Array(32) }, 'another question'],
    [await issue(), { ...by, keys: {} }, 'names no such key'],
    [await issue(), { ...by, keys: { key: '11'.repeat(96) } }, 'did not sign'],
    [[], by, 'a list'],
    [[['JWT', 'a.b'], { 'GPU-0': 'x' }], by, 'cannot be read'],
  ] as const)
    expect((await checkGpuTokens(tokens, given)).detail, why).toContain(why);
});
