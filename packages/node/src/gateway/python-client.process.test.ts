import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { FAKE_MODEL, type ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterEach, describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../../../python', import.meta.url));
const env = { ...process.env, PYTHONPATH: 'src', PYTHONDONTWRITEBYTECODE: '1' };
const probe = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']);
const absence = probe.status === 0 ? '' : 'no Python 3.11';

/** Python runs beside the gateway, whose event loop stays free. */
async function python(args: readonly string[], input = '') {
  const child = spawn('python3', args, { cwd: FOLDER, env });
  child.stdin.end(input);
  const [out, errors, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ]);
  return { out, errors, status };
}

/** Reads a call from its input, makes it, and prints what came of it. */
const CALL = `
import json, sys
from ogong import Client, ReceiptError
asked = json.load(sys.stdin)
client = Client(asked["url"], trust=asked["trust"], allow=asked["allow"])
calls = {"messages": client.chat.completions.create, "prompt": client.completions.create, "input": client.embeddings.create}
create = next((call for name, call in calls.items() if name in asked["body"]), client.rerank)
said = {"text": "", "error": None, "failed": [], "checks": []}
try:
    if asked["body"].get("stream"):
        for chunk in create(**asked["body"]):
            for choice in chunk.choices:
                said["text"] += choice.delta.get("content") or ""
    else:
        answer = create(**asked["body"])
        said["checks"] = [check.id for check in answer.verdicts[0].checks if check.status == "pass"]
        if "choices" not in answer:
            said["shown"] = answer.get("results") or [len(one.embedding) for one in answer.data]
        else:
            choice = answer.choices[0]
            said["text"] = choice.get("text") or choice.message.content
except ReceiptError as error:
    said["error"] = str(error)
    said["failed"] = error.verdict.failed if error.verdict else []
print(json.dumps(said))
`;

describe.skipIf(absence !== '')(`the Python package${absence && ` (${absence})`}`, () => {
  it('agrees with all vectors', { timeout: 180_000 }, async () => {
    const { errors, status } = await python(['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.']);
    expect(status, errors).toBe(0);
  });

  let fixture: GatewayFixture | undefined;
  afterEach(async () => {
    await fixture?.close();
    // Not every test opens one.
    fixture = undefined;
  });

  async function ask(body: Readonly<Record<string, unknown>>, providers: ProviderBehaviour[] = [{}], allow?: string[]) {
    fixture = await createGatewayFixture({ providers });
    const { ledger, network } = fixture.network.chain;
    const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`;
    const asked = {
      url: `${fixture.url}/v1`,
      trust: {
        ledger: { chainId: String(ledger.chainId), escrow: hex(ledger.verifyingContract) },
        settlement: hex(network.settlement),
      },
      // The fixture's parties are in no list.
      allow: allow ?? ['router', 'validator', 'admission', 'intake', 'model-root'],
      body: { model: FAKE_MODEL, ...body },
    };
    const { out, errors, status } = await python(['-c', CALL], JSON.stringify(asked));
    expect(status, errors).toBe(0);
    const said = JSON.parse(out);
    return said as { text: string; error: string | null; failed: string[]; checks: string[]; shown?: unknown[] };
  }

  const STORY = 'Once upon a time there was a small fox.';
  const messages = [{ role: 'user', content: 'Tell me a story' }];

  it('hands out answers whose receipts it checked, whole and streamed', async () => {
    const whole = await ask({ messages });
    expect(whole).toMatchObject({ text: STORY, error: null });
    expect(whole.checks).toEqual(expect.arrayContaining(['draw-replay', 'request-hash', 'record-signature', 'fee']));
    await fixture?.close();
    expect(await ask({ messages, stream: true })).toMatchObject({ text: STORY, error: null });
    await fixture?.close();
    const ogong = { sort: 'latency', max_price: '2000000' };
    expect(await ask({ prompt: 'Once', seed: 7, ogong })).toMatchObject({ text: STORY, error: null });
  });

  it('hands out vectors and scores whose receipts it checked', async () => {
    const documents = ['hi', { text: 'it is a bear' }, 'a panda is a bear of China'];
    const checks = expect.arrayContaining(['commitment-root', 'vectors', 'sketch', 'inputs', 'blinding', 'fee']);
    for (const encoding_format of ['float', 'base64']) {
      const embedded = await ask({ input: ['one', 'two'], encoding_format });
      expect(embedded).toMatchObject({ error: null, checks });
      expect(embedded.shown).toHaveLength(2);
      await fixture?.close();
    }
    const ranked = await ask({ query: 'what is a panda?', documents, top_n: 2, return_documents: true });
    expect(ranked).toMatchObject({ error: null, checks });
    expect(ranked.shown).toHaveLength(2);
  });

  it('names a seed in a stream, which goes on where its provider dies', async () => {
    const left = [3];
    const mortal: ProviderBehaviour = {
      get dieAfter() {
        return left.pop() ?? Number.POSITIVE_INFINITY;
      },
    };
    expect(await ask({ messages, stream: true }, [mortal, mortal])).toMatchObject({ text: STORY, error: null });
    expect(fixture?.network.orders).toHaveLength(2);
  });

  it('keeps back an answer where a check is missing that nobody allowed', async () => {
    const answer = await ask({ messages }, [{}], ['router', 'validator', 'admission', 'intake']);
    expect(answer).toMatchObject({ text: '', failed: [], error: expect.stringContaining('model-root') });
  });
});
