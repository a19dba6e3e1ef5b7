import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { isLocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import { countChecks } from '@ogong/protocol/verdict/check-count';
import { describeProof } from '@ogong/protocol/verdict/proof';
import type { ReceiptVerdict } from '@ogong/sdk';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { followReply, type ReplyTrail } from '../check/follow-reply.ts';
import { loadChecks } from '../check/load-checks.ts';
import { readChain } from '../check/read-chain.ts';
import type { DroppedReceipt } from '../check/receipt-file.ts';
import type { RelayedReply } from '../data/api.ts';
import { type LoggedReply, listReplies } from '../data/standing.ts';
import type { NetworkState } from '../data/store.ts';
import { formatTime, plural } from '../format.ts';
import { GroupedChecks } from './grouped-checks.tsx';
import { Amount, Card, CheckList, CopyButton, Facts, Hash, tellMissing, Verdict } from './parts.tsx';
import { ShardChain } from './shard-chain.tsx';

interface ReadReply {
  readonly followed: ReplyTrail;
  /** Whether the validator's log had the reply. */
  readonly isLogged: boolean;
  /** Present if the gateway gives the receipt without a key. */
  readonly checked?: CheckedFile;
}

const PAUSE_MS = 4_000;

/** Changes with every new statement of a validator. */
const describeState = ({ state, verdict, intake, settled }: RelayedReply): string =>
  [state, verdict, intake !== undefined, settled !== undefined].join();
const isFinal = ({ state, settled }: RelayedReply): boolean => settled !== undefined || state === 'refused';

/**
 * First what the validators and the chain say, then the checks of the receipt, which take longer.
 * @param before last read value: nothing is read again while validators and logs claim the same.
 */
async function readReply(
  id: string,
  state: NetworkState,
  { before, show }: { readonly before: ReadReply | undefined; readonly show: (read: ReadReply) => void },
): Promise<void> {
  const { api, reader, deployment, ledger } = state;
  const nowMs = Date.now();
  const told = await api.reply(id);
  const logged = listReplies(state.logs).find((one) => one.id === id)?.entry;
  const isLogged = logged !== undefined;
  const isKnown = before?.isLogged === isLogged && describeState(told) === describeState(before.followed.told);
  if (isKnown) return;
  const followed = await followReply(fromHex(id), told, { reader, deployment, nowMs });
  show({ ...before, followed, isLogged });
  const text = await api.receipt(id).catch(() => undefined);
  if (text === undefined) return;
  const { checkReceiptFile, readAudit, readDroppedFile, readNetworkTrust, showReply } = await loadChecks();
  const dropped = readDroppedFile(new TextEncoder().encode(text));
  const file = dropped.kind === 'receipt' ? dropped.receipt : undefined;
  if (file === undefined || isLocalReceipt(file.receipt)) return;
  const trust =
    reader && deployment && ledger ? await readNetworkTrust(file.receipt, { reader, deployment, ledger }) : {};
  const { settled, intake, entry } = followed;
  const verdict = await checkReceiptFile(file, { trust, nowMs, settled, intake });
  const judged = entry ?? logged;
  const audit = judged && (await readAudit(judged, state));
  show({ followed, isLogged, checked: { file, verdict, parts: showReply(file, { verdict, audit }) } });
}

/** One reply from its order to its settlement. */
export function Reply({ state, id }: { state: NetworkState; id: string }) {
  const [read, setRead] = useState<ReadReply | string>();
  const isReady =
    state.info !== undefined &&
    (state.ledger !== undefined || state.problems.chain !== undefined || state.reader === undefined);
  const newest = useRef(state);
  newest.current = state;
  useEffect(() => {
    if (!isReady) return;
    let isLeft = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let before: ReadReply | undefined;
    const show = (next: ReadReply | string): void => {
      if (isLeft) return;
      if (typeof next !== 'string') before = next;
      setRead(next);
    };
    const look = async (): Promise<void> => {
      try {
        if (!document.hidden) await readReply(id, newest.current, { before, show });
      } catch (error) {
        // The earlier value stays.
        if (before === undefined) show(`It cannot be read: ${(error as Error).message}`);
      }
      if (!isLeft && !(before && isFinal(before.followed.told))) timer = setTimeout(look, PAUSE_MS);
    };
    void look();
    return () => {
      isLeft = true;
      clearTimeout(timer);
    };
  }, [id, isReady]);
  const logged = listReplies(state.logs).find((one) => one.id === id);
  if (read === undefined || typeof read === 'string')
    return (
      <p class="empty" role="status">
        {read ?? tellMissing(state, 'logs', 'Asking the validators …')}
      </p>
    );
  const { followed, checked } = read;
  const verdict = checked?.verdict;
  return (
    <>
      <Card title="Reply" aside={<CopyButton text={id} what="copy id" />} wide>
        <p class="lead">
          <code class="long">{id}</code>
        </p>
        <Life followed={followed} logged={logged} verdict={verdict} />
      </Card>
      <Card title="Proven by the chain">
        <CheckList checks={followed.checks} label="Checks of the settlement" />
        <Facts
          rows={[
            [
              'Validator',
              <Hash
                key="v"
                hex={`0x${toHex(followed.told.validator)}`}
                href={`#/validators/0x${toHex(followed.told.validator)}`}
              />,
            ],
            [
              'Batch',
              followed.told.transaction ? (
                <Hash key="b" hex={followed.told.transaction} href={`#/batches/${followed.told.transaction}`} />
              ) : (
                'none yet'
              ),
            ],
            ['Record', followed.told.recordHash ? <Hash key="r" hex={toHex(followed.told.recordHash)} /> : 'none'],
          ]}
        />
      </Card>
      <ShardChain chain={readChain(verdict?.cohort, followed.entry ?? logged?.entry)} />
      <TakenOnTrust followed={followed} verdict={verdict} state={state} />
      {checked ? (
        <ReceiptReport {...checked} />
      ) : (
        <Card title="Request and answer" wide>
          <p>
            The texts, and the checks of every token, are in the receipt. The gateway gives it to the key that ordered
            the reply, and to everybody if its payer published it. Anybody with the file can{' '}
            <a href="#/check">check it here</a>; nothing of it leaves the browser.
          </p>
        </Card>
      )}
    </>
  );
}

type StepState = 'proven' | 'claimed' | 'open' | 'refuted';

function Life({
  followed: { told, entry, checks, settled },
  logged,
  verdict,
}: {
  followed: ReplyTrail;
  logged: LoggedReply | undefined;
  verdict: ReceiptVerdict | undefined;
}) {
  const known = entry ?? logged?.entry;
  const of = (id: string): StepState | undefined => {
    const found = verdict?.checks.find((one) => one.id === id);
    return found === undefined
      ? undefined
      : found.status === 'pass'
        ? 'proven'
        : found.status === 'fail'
          ? 'refuted'
          : undefined;
  };
  const quorum = checks.find(({ id }) => id === 'quorum')?.status;
  const isLogged = checks.find(({ id }) => id === 'log-entry')?.status;
  const isDone = (...states: readonly string[]): boolean => states.includes(told.state);
  const steps: readonly (readonly [string, ComponentChildren, StepState])[] = [
    ['Ordered', 'The payer signed the request, a price and a limit.', of('order-signature') ?? 'claimed'],
    ['Admitted', 'The validator reserved the fee in the payer’s channel.', of('admission') ?? 'claimed'],
    [
      'Answered',
      'The provider committed to each token or step before it was paid.',
      of('record-signature') ?? (told.recordHash ? 'claimed' : 'open'),
    ],
    [
      'Received',
      told.intake
        ? `In epoch ${told.intake.epoch}; the next beacon decides about audits.`
        : 'No confirmation by the validator.',
      of('intake') ?? (told.intake ? 'claimed' : 'open'),
    ],
    [
      'Judged',
      known
        ? [
            `${known.verdict}, fee `,
            <Amount key="fee" atomic={known.feeAtomic} />,
            `, ${plural(known.verifiers.length, 'verifier')}, ${formatTime(known.timeMs)} UTC`,
          ]
        : told.verdict || 'not yet',
      isLogged === 'pass' ? 'proven' : isLogged === 'fail' ? 'refuted' : told.verdict ? 'claimed' : 'open',
    ],
    [
      'Settled',
      'problem' in settled
        ? settled.problem
        : `Batch ${settled.settlement.batch.sequence}, block ${settled.blockNumber}.`,
      quorum === 'pass' ? 'proven' : quorum === 'fail' ? 'refuted' : isDone('settled') ? 'claimed' : 'open',
    ],
  ];
  return (
    <>
      <p>
        <Verdict verdict={told.verdict} /> <span class="note">state: {told.state}</span>
      </p>
      <ol class="life">
        {steps.map(([name, what, step]) => (
          <li key={name} class={step}>
            <b>{name}</b>
            <span class={`pill ${step}`}>{step}</span>
            <p>{what}</p>
          </li>
        ))}
      </ol>
    </>
  );
}

function TakenOnTrust({
  followed,
  verdict,
  state,
}: {
  followed: ReplyTrail;
  verdict: ReceiptVerdict | undefined;
  state: NetworkState;
}) {
  const rows = [
    state.reader
      ? `That ${state.info?.rpcUrl} shows the chain as it is. Contracts, votes and keys are read there.`
      : 'Everything: no address of the chain is known, so nothing could be compared with it.',
    `That the contracts are the network’s: their addresses come from ${new URL(state.api.baseUrl).host}.`,
    ...(verdict
      ? verdict.missing.map((id) => `${id}: ${verdict.checks.find((one) => one.id === id)?.detail}`)
      : ['The stages before the verdict: they need the receipt.']),
    ...(followed.told.detail === '' ? [] : ['The reasons that the validator gives for its verdict.']),
  ];
  return (
    <Card title="Taken on trust">
      <ul class="trusted">
        {rows.map((row) => (
          <li key={row}>{row}</li>
        ))}
      </ul>
    </Card>
  );
}

const RECEIPT_LISTS = {
  fail: 'Checks that failed',
  skip: 'Checks that were not made',
  pass: 'Checks that passed',
} as const;

/** A checked receipt. */
export interface CheckedFile {
  readonly file: DroppedReceipt;
  readonly verdict: ReceiptVerdict;
  /** Request and answer, as their modality shows them. */
  readonly parts: ComponentChildren;
}

function describeVerdict({ checks, ok }: ReceiptVerdict): string {
  const { passed, failed, skipped } = countChecks(checks);
  if (failed > 0) return `${failed} of ${checks.length} checks failed`;
  if (skipped === 0 && ok) return `All ${plural(passed, 'check')} passed`;
  return `${plural(passed, 'check')} passed, ${skipped} ${ok ? 'left out, as allowed' : 'could not be made'}`;
}

/** All checks of a receipt, with its request and answer. */
export function ReceiptReport({ file, verdict, parts }: CheckedFile) {
  const { failed } = countChecks(verdict.checks);
  return (
    <>
      <Card title="The receipt" wide>
        <p class={`banner ${failed > 0 ? 'bad' : verdict.ok ? 'good' : ''}`} role="status">
          {describeVerdict(verdict)}
        </p>
        {verdict.posture && (
          <Facts
            rows={[
              ['Tier', `${verdict.posture.tier} (${verdict.posture.method})`],
              ['Numeric class', `${verdict.posture.numericClass}${verdict.posture.exact ? ', bit for bit' : ''}`],
            ]}
          />
        )}
        {parts}
      </Card>
      <RestsOn file={file} verdict={verdict} />
      <Card title="Checks of the receipt" wide>
        <GroupedChecks checks={verdict.checks} labels={RECEIPT_LISTS} />
      </Card>
    </>
  );
}

/** The basis of a machine's answer. */
function RestsOn({ file: { receipt }, verdict }: Pick<CheckedFile, 'file' | 'verdict'>) {
  if (isLocalReceipt(receipt)) return null;
  const admittedMs = Number(receipt.admission.timeMs);
  const admitted = Number.isNaN(new Date(admittedMs).getTime()) ? 'a time that is not valid' : formatTime(admittedMs);
  const proof = describeProof(verdict.checks, admitted);
  if (proof === undefined) return null;
  return (
    <Card title="Its basis" wide>
      <Facts
        rows={[
          ['By hardware', proof.hardware],
          ['By replay', proof.replay],
          ['Taken on trust', proof.believed],
        ]}
      />
    </Card>
  );
}
