/** How much of an unwanted body is taken in, how long one waits for more of it, and how long in all. */
export interface LingerLimits {
  bytes: number
  silenceMs: number
  totalMs: number
}

/**
 * Answers at once, while the client may still be sending: what it sends is taken in and thrown away for a while, then the
 * connection is closed. Closed at once it would be reset, and many clients then never read their answer; left open, the
 * runtime would take in whatever comes.
 */
export function lingering(request: Request, answer: Response, limits: LingerLimits): Response {
  let isOver = false
  const source: Bun.DirectUnderlyingSource = {
    type: 'direct',
    async pull(controller) {
      controller.write(await answer.text())
      await controller.flush()
      await discarded(request, limits, () => isOver)
      if (!isOver) controller.close()
    },
    cancel() {
      isOver = true
    },
  }
  const headers = new Headers(answer.headers)
  headers.set('connection', 'close')
  // The DOM's types do not know the kind `direct`.
  return new Response(new ReadableStream(source as object), { status: answer.status, headers })
}

async function discarded(request: Request, limits: LingerLimits, isOver: () => boolean): Promise<void> {
  const reader = request.body?.getReader()
  if (!reader) return
  const end = performance.now() + limits.totalMs
  try {
    for (let taken = 0; taken < limits.bytes && performance.now() < end && !isOver(); ) {
      const bytes = await nextPiece(reader, limits.silenceMs)
      if (bytes === undefined) return
      taken += bytes.length
    }
  } catch {
    // The client left.
  }
}

/** Undefined at the end, and after the time. */
async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  milliseconds: number,
): Promise<Uint8Array | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds)
  })
  try {
    return await Promise.race([reader.read().then((read) => (read.done ? undefined : read.value)), late])
  } finally {
    clearTimeout(timer)
  }
}
