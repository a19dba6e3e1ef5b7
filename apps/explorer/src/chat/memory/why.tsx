import { useState } from 'preact/hooks';
import { Facts, Hash } from '../../view/parts.tsx';
import { CALL_NAMES, type CallName, type KnownMemory, type MemoryApi } from './memory-api.ts';
import { readReplyId } from './read-reply.ts';

const LABELS: Readonly<Record<CallName, string>> = {
  extraction: 'Call that proposed it',
  embedding: 'Call that made its vector',
  update: 'Call that compared it',
};

/** A call that made a memory: its reply, or the reason for none. */
interface CallFacts {
  readonly name: CallName;
  readonly model?: string;
  readonly replyId?: string;
  readonly absence?: string;
}

interface Reasons {
  readonly calls: readonly CallFacts[];
  /** Versions that this memory replaced, the newest first. */
  readonly older: readonly KnownMemory[];
}

/** Reads the calls that a memory names, and its history. @throws the errors of the API. */
export async function readReasons(
  api: Pick<MemoryApi, 'history' | 'readCalls'>,
  memory: KnownMemory,
): Promise<Reasons> {
  const { id, receipts } = memory;
  const [history, calls] = await Promise.all([api.history(id), receipts && api.readCalls(id)]);
  const named = CALL_NAMES.flatMap((name): readonly CallFacts[] => {
    const hash = receipts?.[name];
    if (hash === undefined) return [];
    const call = calls?.[name];
    if (call === undefined) return [{ name, absence: 'erased with another memory of the same call' }];
    try {
      const replyId = readReplyId(call.receipt, hash);
      return [{ name, model: call.model, ...(replyId === undefined ? { absence: 'in local mode' } : { replyId }) }];
    } catch (error) {
      return [{ name, absence: (error as Error).message }];
    }
  });
  return { calls: named, older: history.filter((one) => one.id !== id) };
}

/** The words, receipts and older versions behind a memory. They are read when it is opened. */
export function Why({ memory, api }: { memory: KnownMemory; api: MemoryApi }) {
  const [reasons, setReasons] = useState<Reasons>();
  const [problem, setProblem] = useState<string>();
  const { quote } = memory;
  const open = (isOpen: boolean): void => {
    if (!isOpen || reasons !== undefined) return;
    setProblem(undefined);
    readReasons(api, memory).then(setReasons, (error: Error) => setProblem(error.message));
  };
  return (
    <details class="raw" onToggle={({ currentTarget }) => open(currentTarget.open)}>
      <summary>
        Why<span class="hidden">: {memory.text}</span>
      </summary>
      {quote ? (
        <figure>
          <blockquote>{quote.words}</blockquote>
          <figcaption>
            from a message of the {quote.role}
            {quote.day !== undefined && `, ${quote.day}`}
          </figcaption>
        </figure>
      ) : (
        <p class="note">You wrote this text, so it has no quote and no receipts.</p>
      )}
      {problem && (
        <p class="problem" role="alert">
          The receipts were not read: {problem}
        </p>
      )}
      {reasons && (
        <Facts rows={reasons.calls.map((call) => [LABELS[call.name], <Call key={call.name} call={call} />])} />
      )}
      {reasons && reasons.older.length > 0 && (
        <>
          <h3>Earlier versions</h3>
          <ol>
            {reasons.older.map(({ id, text, createdAt }) => (
              <li key={id}>
                {text} <small>{toDay(createdAt)}</small>
              </li>
            ))}
          </ol>
        </>
      )}
    </details>
  );
}

function Call({ call: { name, model, replyId, absence } }: { call: CallFacts }) {
  return (
    <>
      {model !== undefined && `${model} `}
      {replyId !== undefined && (
        <Hash hex={replyId} href={`/explorer/#/reply/${replyId}`} label={`${LABELS[name]}: reply`} />
      )}
      {absence}
    </>
  );
}

/** The day of a time in ISO 8601, UTC. */
export const toDay = (time: string): string => time.slice(0, 10);
