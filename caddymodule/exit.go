package caddymodule

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// At an exit, Caddy stops its apps in no order. The http app closes its listeners first of
// all and then waits for requests. Attempts that still run after that would keep the port
// closed. Therefore they get their time in Caddy's event "stopping", which comes before any
// app is stopped: the listeners are open, webhooks are accepted, and health checks get 503.
//
//	"stopping"   end claiming; wait for attempts, and for webhooks that came before
//	http.Stop    shutdown_delay; close the listeners; wait for requests
//	App.Stop     wait for the attempts that are left of the same grace period
//	App.Cleanup  close the store

// gracePeriod is the grace period of attempts without the global option grace_period, with
// which Caddy's server waits for ever.
const gracePeriod = 10 * time.Second

// retiring are the configurations that a reload has stopped and whose attempts still run:
// *running to struct{}.
var retiring sync.Map

// exit is the end of an app with its process.
type exit struct {
	once sync.Once
	done chan struct{} // the attempts have ended
}

// beforeStop is the handler of the event "stopping".
type beforeStop struct{ app *App }

// Handle waits as long as the listeners should stay open for the attempts.
func (b beforeStop) Handle(context.Context, caddy.Event) error {
	run := b.app.run()
	if run == nil || !caddy.Exiting() {
		return nil
	}
	grace, delay := b.app.grace()
	done := b.app.beginExit(run, grace)
	// During the shutdown_delay, the listeners are open as well.
	timer := time.NewTimer(grace - delay)
	defer timer.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-tick.C:
		}
		select {
		case <-done:
			if !run.answering() {
				return nil
			}
		default:
		}
	}
}

// grace returns the grace period of attempts at an exit, and how long the server keeps its
// listeners open after the event "stopping".
func (a *App) grace() (grace, delay time.Duration) {
	mod, err := a.ctx.AppIfConfigured("http")
	server, ok := mod.(*caddyhttp.App)
	if err != nil || !ok {
		return gracePeriod, 0
	}
	if grace = time.Duration(server.GracePeriod); grace <= 0 {
		grace = gracePeriod
	}
	return grace, time.Duration(server.ShutdownDelay)
}

// beginExit ends claiming and cuts the attempts off after grace, those of earlier
// configurations included. Later calls only return the channel, which is closed when all
// attempts have ended.
func (a *App) beginExit(run *running, grace time.Duration) <-chan struct{} {
	a.exit.once.Do(func() {
		a.exit.done = make(chan struct{})
		run.exiting.Store(true)
		var ending sync.WaitGroup
		ending.Go(func() { run.end(grace) })
		retiring.Range(func(k, _ any) bool {
			ending.Go(func() { k.(*running).end(grace) })
			return true
		})
		a.logger.Info("exiting: running attempts may finish, and webhooks are accepted until the server stops", zap.Duration("grace_period", grace))
		go func() {
			ending.Wait()
			close(a.exit.done)
		}()
	})
	return a.exit.done
}

// retire ends a configuration after a reload, without waiting for its attempts.
func (r *running) retire() {
	r.stopClaims() // before it returns
	retiring.Store(r, struct{}{})
	go func() {
		r.end(r.longestAttempt())
		retiring.Delete(r)
		r.release(reference)
	}()
}
