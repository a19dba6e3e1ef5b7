import type { Receipt, Trust } from '@ogong/sdk';
import { useState } from 'preact/hooks';
import type { CheckedRun } from '../check/agent-file.ts';
import { loadChecks } from '../check/load-checks.ts';
import type { NetworkState } from '../data/store.ts';
import { plural } from '../format.ts';
import { DropZone } from './drop-zone.tsx';
import { GroupedChecks } from './grouped-checks.tsx';
import { Amount, Card, CheckList, Hash, Table } from './parts.tsx';

type Checks = Awaited<ReturnType<typeof loadChecks>>;

/** Drop the file of an agent's run: it is checked here, and shown step by step. */
export function CheckAgentRun({ state }: { state: NetworkState }) {
  const [run, setRun] = useState<CheckedRun>();
  const [file, setFile] = useState<Uint8Array>();
  const [given, setGiven] = useState<Trust>();
  const [problem, setProblem] = useState<string>();

  async function readTrust(receipt: Receipt, { readNetworkTrust }: Checks): Promise<Trust> {
    const { reader, deployment, ledger } = state;
    if (!reader || !deployment || !ledger) return {};
    // Without the chain the checks that need it are skipped, and say so.
    return readNetworkTrust(receipt, { reader, deployment, ledger }).catch(() => ({}));
  }

  async function take(files: readonly File[]): Promise<void> {
    setProblem(undefined);
    let [chosen, trust] = [file, given];
    try {
      const checks = await loadChecks();
      for (const one of files) {
        const bytes = new Uint8Array(await one.arrayBuffer());
        if (checks.isAgentChain(bytes)) chosen = bytes;
        else trust = readTrustFile(bytes, checks);
      }
      setFile(chosen);
      setGiven(trust);
      if (chosen === undefined) return;
      const trustOf = async (receipt: Receipt) => trust ?? readTrust(receipt, checks);
      setRun(await checks.checkAgentFile(chosen, { nowMs: Date.now(), trustOf }));
    } catch (error) {
      setRun(undefined);
      setProblem((error as Error).message);
    }
  }

  return (
    <>
      <Card title="Check an agent's run" wide>
        <DropZone
          title="Drop the file of a run here"
          input={{ id: 'run-file', accept: '.jsonl,.json', label: 'File of a run, and a trust file' }}
          onFiles={(files) => void take(files)}
        >
          Every step is checked on this page, by the code that <code>ogong agent verify</code> runs. Nothing of the file
          leaves the browser; it works offline.
        </DropZone>
        <p class="note">
          <code>encodeAgentChain</code> of the SDK writes such a file. Drop a trust file beside it to compare it with
          values of your own{given && <strong> (one is loaded)</strong>}; otherwise those of the connected network are
          taken.
        </p>
        {problem && (
          <p class="banner bad" role="alert">
            {problem}
          </p>
        )}
      </Card>
      {run && <RunReport run={run} />}
    </>
  );
}

/** @throws Error for a file that is neither a run nor a trust file. */
function readTrustFile(bytes: Uint8Array, { readDroppedFile }: Checks): Trust {
  const dropped = readDroppedFile(bytes);
  if (dropped.kind === 'trust') return dropped.trust;
  throw new Error('This is no file of a run. A receipt has a page of its own.');
}

function RunReport({ run: { ok, checks, missing, steps, hash } }: { run: CheckedRun }) {
  const hasFailed = checks.some(({ status }) => status === 'fail');
  const summary = hasFailed
    ? 'This run does not hold'
    : ok
      ? `All ${plural(steps.length, 'step')} hold`
      : `The steps fit together, but ${plural(missing.length, 'check')} could not be made`;
  return (
    <>
      <Card title="The run" wide>
        <p class={`banner ${hasFailed ? 'bad' : ok ? 'good' : ''}`} role="status">
          {summary}
        </p>
        <p class="note">
          The run <Hash hex={hash} /> has {plural(steps.length, 'step')}.
        </p>
        <CheckList checks={checks} label="Checks of the run" />
      </Card>
      {steps.map((step, i) => (
        <Step key={i} step={step} number={i + 1} />
      ))}
    </>
  );
}

function Step({ step, number }: { step: CheckedRun['steps'][number]; number: number }) {
  const { replyId, model, answer, calls, receipt, failed, fee } = step;
  const labels = { fail: 'refuted', skip: 'not checked', pass: 'proven' } as const;
  const nameList = (status: keyof typeof labels): string => `Checks of step ${number}, ${labels[status]}`;
  return (
    <Card title={`Step ${number}`} wide>
      <p>
        {model && <b class="wraps">{model}</b>}{' '}
        {replyId && <Hash hex={replyId} href={`#/reply/${replyId}`} label="Reply" />}{' '}
        {fee !== undefined && <Amount atomic={fee} />}
      </p>
      {failed.length > 0 && <p class="banner bad">This step fails: {failed.join(', ')}.</p>}
      {answer && answer.content !== '' && <pre>{answer.content}</pre>}
      {calls.length > 0 && (
        <Table label={`Calls of step ${number}`} head={['Tool', 'Arguments', 'Result']}>
          {calls.map((call) => (
            <tr key={call.id}>
              <td>{call.name}</td>
              <td>
                <code class="long">{call.arguments}</code>
              </td>
              <td class="wraps">{call.result}</td>
            </tr>
          ))}
        </Table>
      )}
      <GroupedChecks
        checks={receipt.checks}
        name={`Groups of checks of step ${number}`}
        labels={{ fail: nameList('fail'), skip: nameList('skip'), pass: nameList('pass') }}
      />
    </Card>
  );
}
