import { gzipSync } from 'node:zlib';

/** Small talk of few words, in three hundred documents: text that is read and tokenised in no time. */
export function tinyCorpus(): string {
  const subjects = [
    'the nation',
    'our people',
    'the congress',
    'a farmer',
    'the army',
    'every state',
    'the treasury',
  ];
  const verbs = ['welcomes', 'fears', 'praises', 'regrets', 'builds', 'loses', 'honors', 'debates'];
  const objects = [
    'peace',
    'war',
    'good faith',
    'a great loss',
    'new roads',
    'happy years',
    'bad debts',
    'the law',
  ];
  const documents: string[] = [];
  for (let document = 0; document < 300; document += 1) {
    const sentences: string[] = [];
    for (let sentence = 0; sentence < 12; sentence += 1) {
      // Three coprime strides walk through the combinations without any randomness.
      const at = document * 12 + sentence;
      const subject = subjects[(at * 5 + document) % subjects.length]!;
      const verb = verbs[(at * 3 + sentence * document) % verbs.length]!;
      const object = objects[(at * 7 + Math.floor(at / 11)) % objects.length]!;
      sentences.push(
        `${subject[0]!.toUpperCase()}${subject.slice(1)} ${verb} ${object} in year ${1790 + (at % 230)}.`,
      );
    }
    documents.push(sentences.join(' '));
  }
  return documents.join('\n\n');
}

/** Fine-tuning data, gzipped: the start of each document is to be answered by a kind word about it. */
export function tinyRows(): Uint8Array {
  const rows = tinyCorpus()
    .split('\n\n')
    .map((document) => {
      const words = document.split(' ').slice(0, 3).join(' ');
      return JSON.stringify({ prompt: `${words}:`, completion: ` good ${words}` });
    });
  return gzipSync(rows.join('\n'));
}
