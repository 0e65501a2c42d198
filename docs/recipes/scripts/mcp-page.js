
// This follows the script of recipes.md.
export async function run() {
  const progress = []
  const result = await client.callTool({name: 'begin'}, undefined, {
    onprogress: async event => {
      progress.push(event.progress)
      if (event.progress === 1) await client.callTool({name: 'proceed'})
    },
  })
  const session = transport.sessionId
  await transport.terminateSession()
  const ended = transport.sessionId === undefined
  await client.close()
  return {
    Tools: tools.map(tool => tool.name), Progress: progress, Text: result.content[0].text,
    Session: session, Ended: ended,
  }
}
