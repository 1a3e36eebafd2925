// Command todo stands in for the three images of the todo application: the same ports, paths and variables, and as much
// of the application as its checks look at. One argument says which: backend, frontend or event-service.
//
// It keeps its tasks in Redis (DATABASE_URL, redis://HOST:PORT; password in REDIS_PASSWORD), so that all replicas of the
// backend know them all.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const patience = 2 * time.Second

type task struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	roles := map[string]struct {
		address string
		handler func() http.Handler
	}{
		"backend":       {":8000", backend},
		"frontend":      {":80", frontend},
		"event-service": {":8001", eventService},
	}
	role, known := roles[strings.Join(os.Args[1:], " ")]
	if !known {
		fmt.Fprintln(os.Stderr, "usage: todo backend|frontend|event-service")
		os.Exit(2)
	}
	server := &http.Server{Addr: role.address, Handler: role.handler(), ReadHeaderTimeout: patience}
	ending, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ending.Done()
		last, cancel := context.WithTimeout(context.Background(), 2*patience)
		defer cancel()
		_ = server.Shutdown(last)
	}()
	slog.Info("listening", "role", os.Args[1], "address", role.address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("can't listen", "error", err.Error())
		os.Exit(1)
	}
}

// The API.

func backend() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", healthy)
	mux.HandleFunc("GET /api/tasks", func(w http.ResponseWriter, _ *http.Request) {
		found, err := redis("HGETALL", "tasks")
		if err != nil {
			fail(w, err)
			return
		}
		tasks := []task{}
		for i := 0; i+1 < len(found); i += 2 {
			tasks = append(tasks, task{found[i], found[i+1]})
		}
		answer(w, http.StatusOK, tasks)
	})
	mux.HandleFunc("POST /api/tasks", func(w http.ResponseWriter, r *http.Request) {
		var made task
		body := http.MaxBytesReader(w, r.Body, 10<<20)
		if json.NewDecoder(body).Decode(&made) != nil || strings.TrimSpace(made.Title) == "" {
			answer(w, http.StatusBadRequest, map[string]string{"error": "a task needs a title"})
			return
		}
		number, err := redis("INCR", "number")
		if err == nil {
			made.ID = number[0]
			_, err = redis("HSET", "tasks", made.ID, made.Title)
		}
		if err != nil {
			fail(w, err)
			return
		}
		tell(made)
		answer(w, http.StatusCreated, made)
	})
	mux.HandleFunc("DELETE /api/tasks/{id}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := redis("HDEL", "tasks", r.PathValue("id")); err != nil {
			fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// tell passes an event on; a task is made whether it arrives or not.
func tell(made task) {
	address := os.Getenv("EVENT_SERVICE_URL")
	if address == "" {
		return
	}
	go func() {
		body, _ := json.Marshal(made)
		client := http.Client{Timeout: patience}
		response, err := client.Post(address+"/events", "application/json", bytes.NewReader(body))
		if err != nil {
			slog.Warn("the event did not arrive", "reason", err.Error())
			return
		}
		_ = response.Body.Close()
	}()
}

// The pages.

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tasks</title>
<h1>Tasks</h1><ul>{{range .}}<li>{{.Title}}</li>{{end}}</ul></html>
`))

func frontend() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		client := http.Client{Timeout: patience}
		response, err := client.Get(cmp.Or(os.Getenv("BACKEND_URL"), "http://todo-backend:8000") + "/api/tasks")
		var tasks []task
		if err == nil {
			defer response.Body.Close()
			err = json.NewDecoder(response.Body).Decode(&tasks)
		}
		if err != nil { // the page is there all the same, as with any page that asks for its content later
			slog.Warn("the backend does not answer", "reason", err.Error())
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, tasks)
	})
	return mux
}

// What takes note of events: from the backend, or from Dapr, which wraps them.

func eventService() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", healthy)
	mux.HandleFunc("POST /events", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		slog.Info("event", "bytes", len(body))
		answer(w, http.StatusOK, map[string]string{"status": "SUCCESS"})
	})
	return mux
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	if _, err := redis("PING"); err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "the database does not answer"})
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, err error) {
	slog.Error("the database does not answer", "reason", err.Error())
	answer(w, http.StatusServiceUnavailable, map[string]string{"error": "the database does not answer"})
}

// redis asks one question on a connection of its own, and returns the answer's words.
func redis(words ...string) ([]string, error) {
	address, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil || address.Scheme != "redis" {
		return nil, errors.New("DATABASE_URL must be redis://HOST:PORT")
	}
	connection, err := net.DialTimeout("tcp", address.Host, patience)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	reader := bufio.NewReader(connection)
	if password := os.Getenv("REDIS_PASSWORD"); password != "" {
		if _, err := ask(connection, reader, "AUTH", password); err != nil {
			return nil, err
		}
	}
	return ask(connection, reader, words...)
}

func ask(w io.Writer, r *bufio.Reader, words ...string) ([]string, error) {
	fmt.Fprintf(w, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(w, "$%d\r\n%s\r\n", len(word), word)
	}
	return read(r)
}

// read reads an answer in Redis's protocol, version 2.
func read(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil || len(line) < 3 {
		return nil, errors.Join(errors.New("no answer"), err)
	}
	kind, rest := line[0], strings.TrimSuffix(line[1:], "\r\n")
	switch kind {
	case '+', ':':
		return []string{rest}, nil
	case '$':
		size, err := strconv.Atoi(rest)
		if err != nil || size < 0 {
			return nil, err
		}
		text := make([]byte, size+2)
		_, err = io.ReadFull(r, text)
		return []string{string(text[:size])}, err
	case '*':
		count, err := strconv.Atoi(rest)
		var all []string
		for i := 0; i < count && err == nil; i++ {
			var one []string
			one, err = read(r)
			all = append(all, one...)
		}
		return all, err
	default:
		return nil, errors.New(rest)
	}
}
