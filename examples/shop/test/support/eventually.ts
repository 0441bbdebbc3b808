/** Asks again and again, as a client would, until the answer is the wanted one. */
export const eventually = async <A>(ask: () => Promise<A>, isWanted: (answer: A) => boolean): Promise<A> => {
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
