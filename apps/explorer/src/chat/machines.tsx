import type { ChatSession, ChatState } from './session.ts';

/** The policy for machines, which a model of attested machines needs before anything is sent. */
export function Machines({ state: { hasPolicy, policyProblem }, session }: { state: ChatState; session: ChatSession }) {
  return (
    <div class="machines">
      <h2>Machines that you accept</h2>
      <p class="note">
        This model runs in attested machines. The page checks the machine by your policy, and seals the question to the
        key inside. The gateway gets ciphertext.
      </p>
      <label for="policy">Policy for machines, JSON</label>
      <input
        id="policy"
        type="file"
        accept="application/json,.json"
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file) void file.text().then((text) => session.setPolicy(text));
          // So that the same file can be chosen again after a change.
          currentTarget.value = '';
        }}
      />
      {policyProblem && (
        <p class="problem" role="alert">
          This policy is not used: {policyProblem}
        </p>
      )}
      <p class="note" role="status">
        {hasPolicy ? 'A policy is kept in this browser.' : 'Without a policy nothing is sent.'}
      </p>
      {hasPolicy && (
        <button type="button" class="quiet small" onClick={() => void session.setPolicy(undefined)}>
          Forget the policy
        </button>
      )}
    </div>
  );
}
