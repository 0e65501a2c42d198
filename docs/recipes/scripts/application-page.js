
// This follows the script of recipes.md.
const attempt = f => f().then(response => `${response.status} ${response.headers.get('ETag') ?? ''}`.trim(), String)

// waitForEvents opens the stream, changes the order after the first event, and returns
// the first three events, or fewer and "closed".
function waitForEvents() {
  return new Promise(resolve => {
    const source = openEvents(), events = []
    source.onmessage = async ({data, lastEventId}) => {
      events.push(`${lastEventId}: ${data}`)
      if (events.length === 1) await putOrder(3)
      if (events.length < 3) return
      source.close()
      resolve(events)
    }
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) resolve([...events, 'closed'])
    }
  })
}

export const run = async () => ({
  SignIn: await attempt(signIn), Put: await attempt(() => putOrder(2)), Events: await waitForEvents(),
})
