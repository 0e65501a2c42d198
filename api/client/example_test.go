package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"os"

	"originwarden/api/auth"
	"originwarden/api/client"
)

// The examples use the API of one tenant in the same process.
func Example() {
	server, stop := exampleServer()
	defer stop()
	ctx := context.Background()
	c := &client.Client{Server: server, Token: adminToken}

	w, err := c.Create(ctx, "Shop", []string{"https://shop.example"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Patch(ctx, w.ID, []client.Operation{
		client.ReplaceValidOrigins("https://shop.example", "https://www.shop.example"),
	}, w.ETag)
	if err != nil {
		log.Fatal(err)
	}
	w, err = c.Get(ctx, w.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Name, w.ValidOrigins)
	// Output: Shop [https://shop.example https://www.shop.example]
}

func ExampleClient_All() {
	server, stop := exampleServer("Blog", "Shop", "Intranet")
	defer stop()
	c := &client.Client{Server: server, Token: adminToken}

	for w, err := range c.All(context.Background(), client.ListOptions{Sort: "-name"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(w.Name)
	}
	// Output:
	// Shop
	// Intranet
	// Blog
}

// The web integration was changed by another client since it was read.
func ExampleClient_Patch_onCondition() {
	server, stop := exampleServer()
	defer stop()
	ctx := context.Background()
	c := &client.Client{Server: server, Token: adminToken}

	read, err := c.Create(ctx, "Shop", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err = c.Patch(ctx, read.ID, []client.Operation{client.ReplaceName("Store")}, ""); err != nil {
		log.Fatal(err)
	}
	_, err = c.Patch(ctx, read.ID, []client.Operation{client.ReplaceName("Shops")}, read.ETag)
	fmt.Println(errors.Is(err, client.ErrPreconditionFailed))
	// Output: true
}

func ExampleError() {
	server, stop := exampleServer()
	defer stop()
	c := &client.Client{Server: server, Token: adminToken}

	_, err := c.Create(context.Background(), "Shop", []string{"https://shop.example", "https://*.shop.example"})
	if refused, ok := errors.AsType[*client.Error](err); ok {
		for _, problem := range refused.Errors {
			fmt.Println(refused.Status, problem.Source.Pointer, problem.Title)
		}
	}
	// Output: 400 /validOrigins/1 Invalid property value
}

// exampleServer starts a server that has web integrations with these names.
func exampleServer(names ...string) (url string, stop func()) {
	dir, err := os.MkdirTemp("", "client-example-")
	if err != nil {
		log.Fatal(err)
	}
	handler, s, err := openAPI(dir, auth.RateLimits{})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(handler)
	c := &client.Client{Server: server.URL, Token: adminToken}
	for _, name := range names {
		if _, err := c.Create(context.Background(), name, nil); err != nil {
			log.Fatal(err)
		}
	}
	return server.URL, func() {
		server.Close()
		s.Close()
		os.RemoveAll(dir)
	}
}
